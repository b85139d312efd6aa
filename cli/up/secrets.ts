/** The domain's secrets: the admin's password, the key that signs calls between nodes, and the one that signs builds. */
import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, writeFile } from 'node:fs/promises';
import type { StateFolder } from '../state.js';

const PASSWORD_BYTES = 18;
const KEY_BYTES = 32;

/** Where the password in force comes from, for the start-up lines. */
export type PasswordSource = 'ADMIN_PASSWORD' | 'generated' | 'kept';

export async function makeSecrets(state: StateFolder, given: string | undefined): Promise<PasswordSource> {
  await keep(state.peerKeyFile, randomBytes(KEY_BYTES).toString('hex'));
  await keep(state.payloadSecretFile, randomBytes(KEY_BYTES).toString('hex'));
  return makePassword(state.passwordFile, given);
}

/** The given password goes into the file; without one the file's stays, or a fresh one is made. */
export async function makePassword(file: string, given: string | undefined): Promise<PasswordSource> {
  if (!given) return await keep(file, randomBytes(PASSWORD_BYTES).toString('base64url')) ? 'generated' : 'kept';
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known.trim() !== given) await writeFile(file, `${given}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
  return 'ADMIN_PASSWORD';
}

/** Writes the file unless there is one with something in it. */
async function keep(file: string, secret: string): Promise<boolean> {
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known.trim() !== '') {
    await chmod(file, 0o600);
    return false;
  }
  const handle = await open(file, 'w', 0o600);
  await handle.writeFile(`${secret}\n`);
  await handle.sync();
  await handle.close();
  return true;
}
