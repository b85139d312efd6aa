/** The node's admin credentials: HTTP basic authentication, the password kept in a file. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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

/** Names of the files that OpenFaaS keeps its gateway's credentials in. */
const OPENFAAS_USER = 'basic-auth-user';
const OPENFAAS_PASSWORD = 'basic-auth-password';

/**
 * Who administers a node: from its password file, else from OpenFaaS's two files beside it, else from the environment's
 * `ADMIN_USER` and `ADMIN_PASSWORD`. Rejects when there is no password anywhere.
 */
export async function readAdmin({ user, passwordFile }: { user: string; passwordFile: string }, environment: NodeJS.ProcessEnv): Promise<Credentials> {
  const beside = (name: string) => join(dirname(passwordFile), name);
  const isMissing = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  };
  const own = await readSecret(passwordFile).catch(isMissing);
  if (own !== undefined) return { user, password: own };
  const [theirs, theirUser] = await Promise.all([readSecret(beside(OPENFAAS_PASSWORD)).catch(isMissing), readSecret(beside(OPENFAAS_USER)).catch(isMissing)]);
  if (theirs !== undefined) return { user: theirUser ?? user, password: theirs };
  const { ADMIN_USER: name, ADMIN_PASSWORD: password } = environment;
  if (!password) throw new Error(`There is no password for the administration: neither ${passwordFile} nor ${beside(OPENFAAS_PASSWORD)} is there, and ADMIN_PASSWORD is not set.`);
  return { user: name || user, password };
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
function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
