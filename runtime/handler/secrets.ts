/** A function's secrets as its handler reads them: files of one folder, which whoever runs the function puts there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Every look reads anew, so that a replaced secret is seen at the next one; whoever needs one for each of many requests keeps it for a while. */
export interface Secrets {
  /** The value as UTF-8, as it was given. Throws when the function's deployment does not name such a secret. */
  text(name: string): string;
  bytes(name: string): Buffer;
  /** In order. */
  names(): string[];
}

/** Of the environment; where it is missing, the folder is where OpenFaaS has it. */
const FOLDER_VARIABLE = 'secret_mount_path';
const USUAL_FOLDER = '/var/openfaas/secrets';
/** A name leads to no other folder, and to no draft of a secret that is just replaced. */
const NAME = /^[A-Za-z0-9_-][\w.-]{0,252}$/;

export function secretsIn({ [FOLDER_VARIABLE]: folder = USUAL_FOLDER }: Readonly<Record<string, string>>): Secrets {
  return secretsOf({
    names: () => readdirSync(folder).filter((name) => NAME.test(name)),
    read: (name) => readFileSync(join(folder, name)),
  });
}

/** @param source its functions may throw: then there is no such secret, or none at all */
export function secretsOf({ names, read }: { names(): string[]; read(name: string): Uint8Array | undefined }): Secrets {
  const bytes = (name: string): Buffer => {
    const value = NAME.test(name) ? attempt(() => read(name)) : undefined;
    if (value === undefined) throw new Error(`The function has no secret ${name}: make it, and name it among the secrets of the deployment`);
    return Buffer.from(value);
  };
  return { bytes, text: (name) => bytes(name).toString('utf8'), names: () => attempt(names)?.sort() ?? [] };
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
