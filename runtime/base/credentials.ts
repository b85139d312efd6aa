/** The node's admin credentials: HTTP basic authentication, the password kept in a file. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface Credentials {
  user: string;
  password: string;
}

/** First line of a secret's file, without white space around it. Rejects when it is missing or empty. */
export async function readSecret(file: string): Promise<string> {
  const secret = (await readFile(file, 'utf8')).trim();
  if (secret === '') throw new Error(`The secret file ${file} is empty.`);
  return secret;
}

/** Value of the header `Authorization`. */
export function basicHeader({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** True when the header `Authorization` carries exactly these credentials; takes the same time wherever they differ. */
export function acceptsBasic(credentials: Credentials, header: string | undefined): boolean {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return false;
  const given = Buffer.from(encoded, 'base64').toString('utf8');
  return sameText(given, `${credentials.user}:${credentials.password}`);
}

/** Compares digests, because timingSafeEqual wants equal lengths and the length of a secret is one too. */
export function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
