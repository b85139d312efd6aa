/**
 * Secrets of functions: values in files that only the node's user can read, and copies of those that a function names
 * in a folder of its own, where the function finds them. No value is ever answered to anybody.
 */
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../base/atomic-file.js';
import type { Clock } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import { MAX_SECRET_BYTES, MAX_SECRETS } from '../../model/limits.js';
import { KeptWords, type Word } from './kept-words.js';
import { serviceOf } from './names.js';

export interface SecretName {
  name: string;
  namespace: string;
}

export type SecretWord = SecretName & Word;

/** Variable of a function's environment: the folder with its secrets, one file each. */
const SECRETS_VARIABLE = 'secret_mount_path';

export class Secrets {
  readonly words: KeptWords<SecretWord>;
  /** Names of the secrets that each function has mounted. */
  readonly #mounts = new Map<string, string[]>();
  readonly #listeners = new Set<() => void>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: { stateDir: string; clock: Clock }) {
    this.words = new KeptWords<SecretWord>({ path: join(parts.stateDir, 'secrets.json'), clock: parts.clock, keyOf: keyOfSecret });
  }

  open(): Promise<void> {
    return this.words.open();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  list(namespace: string): SecretName[] {
    return this.words.list().filter((secret) => secret.namespace === namespace).map(({ name }) => ({ name, namespace }));
  }

  /** Rejects with SECRET_EXISTS. */
  create(secret: SecretName, value: Buffer): Promise<void> {
    return this.#inTurn(async () => {
      if (this.words.get(keyOfSecret(secret))) throw new Fault('SECRET_EXISTS', { name: secret.name, namespace: secret.namespace });
      if (this.words.list().length >= MAX_SECRETS) throw new Fault('PARAMETER_INVALID', { name: 'name', reason: `there are ${MAX_SECRETS} secrets already` });
      await this.#tell(secret, value);
    });
  }

  /** Functions that have it mounted see the new value at their next look. Rejects with SECRET_UNKNOWN. */
  replace(secret: SecretName, value: Buffer): Promise<void> {
    return this.#inTurn(() => {
      this.#known(secret);
      return this.#tell(secret, value);
    });
  }

  /** Rejects with SECRET_UNKNOWN. */
  remove(secret: SecretName): Promise<void> {
    return this.#inTurn(() => {
      this.#known(secret);
      return this.#tell(secret, undefined);
    });
  }

  /** Takes a word of another node over, unless a newer one is known. */
  receive(word: SecretWord, value: Buffer | undefined): Promise<void> {
    return this.#inTurn(() => this.#take(word, value));
  }

  /** Its value, for other nodes of the domain and for workers of this one. */
  value(secret: SecretName): Promise<Buffer> {
    return readFile(this.#pathOf(secret));
  }

  /** Names of those that are not here. */
  missing(namespace: string, names: readonly string[] = []): string[] {
    return names.filter((name) => !this.words.get(keyOfSecret({ name, namespace })));
  }

  /** Copies a function's secrets to its folder. @returns the variables that tell it where. Rejects when one is not here. */
  async mount(functionName: string, names: readonly string[] = []): Promise<Record<string, string>> {
    if (names.length === 0) {
      await this.unmount(functionName);
      return {};
    }
    const { namespace } = serviceOf(functionName);
    const [missing] = this.missing(namespace, names);
    if (missing !== undefined) throw new Fault('DEPLOY_FAILED', { function: functionName, reason: `there is no secret ${missing} in namespace ${namespace}` });
    return this.#inTurn(async () => {
      const folder = this.folderOf(functionName);
      await mkdir(join(folder, '..'), { recursive: true, mode: 0o700 });
      // Nobody but the node's user gets here; inside a container any user does, as everywhere in OpenFaaS.
      await mkdir(folder, { recursive: true });
      await chmod(folder, 0o755);
      const stale = (await readdir(folder)).filter((name) => !names.includes(name));
      await Promise.all(stale.map((name) => rm(join(folder, name), { force: true })));
      this.#mounts.set(functionName, [...names]);
      for (const name of new Set(names)) await this.#show(folder, name, await this.value({ name, namespace }));
      return { [SECRETS_VARIABLE]: folder };
    });
  }

  unmount(functionName: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#mounts.delete(functionName);
      await rm(this.folderOf(functionName), { recursive: true, force: true });
    });
  }

  folderOf(functionName: string): string {
    return join(this.parts.stateDir, 'mounted-secrets', functionName);
  }

  /** Whatever looks and then writes does so alone: of two that make one secret at once, one is told that it is there. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** @param value undefined: it is removed */
  #tell(secret: SecretName, value: Buffer | undefined): Promise<void> {
    return this.#take({ ...secret, atMs: this.words.stamp(keyOfSecret(secret)), ...(value === undefined && { removed: true }) }, value);
  }

  #known(secret: SecretName): void {
    if (!this.words.get(keyOfSecret(secret))) throw new Fault('SECRET_UNKNOWN', { name: secret.name, namespace: secret.namespace });
  }

  async #take(word: SecretWord, value: Buffer | undefined): Promise<void> {
    if ((value?.length ?? 0) > MAX_SECRET_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_SECRET_BYTES });
    if (!this.words.isNews(word)) return;
    const path = this.#pathOf(word);
    if (value === undefined || word.removed) {
      await rm(path, { force: true });
    } else {
      await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
      await writeAtomically(path, value, 0o600);
      // A draft that was left behind keeps the mode it was made with.
      await chmod(path, 0o600);
      await this.#refresh(word, value);
    }
    await this.words.put(word);
    for (const listener of this.#listeners) listener();
  }

  async #refresh({ name, namespace }: SecretName, value: Buffer): Promise<void> {
    for (const [functionName, names] of this.#mounts) {
      if (serviceOf(functionName).namespace !== namespace || !names.includes(name)) continue;
      await this.#show(this.folderOf(functionName), name, value);
    }
  }

  async #show(folder: string, name: string, value: Buffer): Promise<void> {
    await writeAtomically(join(folder, name), value);
    await chmod(join(folder, name), 0o644);
  }

  #pathOf({ name, namespace }: SecretName): string {
    return join(this.parts.stateDir, 'secrets', namespace, name);
  }
}

function keyOfSecret({ name, namespace }: SecretName): string {
  return `${namespace}/${name}`;
}
