/** Passwords of BMCs on their way to the disk: AES-256-GCM with a key that lies in a file of its own. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAtomically } from '../../../runtime/base/atomic-file.js';
import { syncFolder } from '../../../runtime/base/sync.js';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1:';

export interface Cipher {
  /** The same text never twice: each has a nonce of its own. `place` is bound to it and needed to read it. */
  encrypt(text: string, place: string): string;
  /** Throws when it was made with another key or for another place. */
  decrypt(sealed: string, place: string): string;
}

export function createCipher(key: Buffer): Cipher {
  return {
    encrypt(text, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
    },
    decrypt(sealed, place) {
      if (!sealed.startsWith(VERSION)) throw new Error('This is no sealed text of a known form.');
      const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
    },
  };
}

/** Reads the key, and makes it at the first start. A file that others may read is closed to them. */
export async function readKey(file: string): Promise<Buffer> {
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (known === undefined) return makeKey(file);
  const key = Buffer.from(known.trim(), 'hex');
  if (key.length !== KEY_BYTES) throw new Error(`The key file ${file} does not hold a key of ${KEY_BYTES} bytes in hex.`);
  await chmod(file, 0o600);
  return key;
}

async function makeKey(file: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  await writeAtomically(file, `${key.toString('hex')}\n`);
  // What it opens may be on the disk in a moment.
  await syncFolder(dirname(file));
  return key;
}
