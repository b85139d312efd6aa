/** Secrets and namespaces on their way down the tree: the values sealed, so that nobody between two nodes reads them. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Fault } from '../../model/faults.js';
import { SETTINGS_BATCH_BYTES } from '../../model/limits.js';
import { namespaceOf, secretNameOf } from './names.js';
import type { Namespaces, NamespaceWord } from './namespaces.js';
import type { Secrets, SecretWord } from './secrets.js';

export type PassedSetting = { kind: 'namespace'; word: NamespaceWord } | { kind: 'secret'; word: SecretWord; sealed?: string };

export interface PassedSettings {
  /** What is known, by key, with the time of its newest word. */
  times(): Map<string, number>;
  /** Those of these keys, in batches that one call may carry. */
  batches(keys: readonly string[]): AsyncIterable<{ keys: string[]; settings: PassedSetting[] }>;
  /** Takes what another node passes on; what is older than what is known is left. Rejects with a fault when it is none. */
  receive(settings: readonly unknown[]): Promise<void>;
  onChange(listener: () => void): void;
}

const CIPHER = 'aes-256-gcm';
const [KEY_BYTES, IV_BYTES, TAG_BYTES] = [32, 12, 16];

export function createPassedSettings({ secrets, namespaces, key }: { secrets: Secrets; namespaces: Namespaces; key: string }): PassedSettings {
  const sealing = Buffer.from(hkdfSync('sha256', key, '', 'secrets of functions', KEY_BYTES));
  const keyOf = ({ kind, word }: PassedSetting) => (kind === 'secret' ? `secret ${word.namespace}/${word.name}` : `namespace ${word.name}`);
  const all = (): PassedSetting[] => inOrder([
    ...namespaces.words.words().map((word) => ({ kind: 'namespace' as const, word })), ...secrets.words.words().map((word) => ({ kind: 'secret' as const, word })),
  ]);

  async function sealedOf(setting: PassedSetting): Promise<PassedSetting> {
    if (setting.kind === 'namespace' || setting.word.removed) return setting;
    return { ...setting, sealed: seal(sealing, await secrets.value(setting.word), contextOf(setting.word)) };
  }

  async function take(setting: PassedSetting): Promise<void> {
    const { word } = setting;
    if (setting.kind === 'namespace') return namespaces.receive(setting.word);
    const { sealed } = setting;
    if (!word.removed && sealed === undefined) throw invalid('sealed', 'a secret has a value');
    return secrets.receive(setting.word, sealed === undefined ? undefined : open(sealing, sealed, contextOf(setting.word)));
  }

  return {
    times: () => new Map(all().map((setting) => [keyOf(setting), setting.word.atMs])),
    async* batches(keys) {
      const wanted = new Set(keys);
      let batch: PassedSetting[] = [];
      let bytes = 0;
      for (const setting of all().filter((each) => wanted.has(keyOf(each)))) {
        const sealed = await sealedOf(setting);
        batch.push(sealed);
        bytes += JSON.stringify(sealed).length;
        if (bytes < SETTINGS_BATCH_BYTES) continue;
        yield { keys: batch.map(keyOf), settings: batch };
        [batch, bytes] = [[], 0];
      }
      if (batch.length > 0) yield { keys: batch.map(keyOf), settings: batch };
    },
    async receive(settings) {
      for (const setting of inOrder(settings.map(checkedSetting))) await take(setting);
    },
    onChange(listener) {
      secrets.onChange(listener);
      namespaces.onChange(listener);
    },
  };
}

/** A secret's namespace is there before it, and goes after it. */
function inOrder(settings: PassedSetting[]): PassedSetting[] {
  const rankOf = ({ kind, word }: PassedSetting) => (kind === 'secret' ? 1 : word.removed ? 2 : 0);
  return settings.sort((left, right) => rankOf(left) - rankOf(right));
}

/** A value is good for its name and time only. */
function contextOf({ namespace, name, atMs }: SecretWord): string {
  return `${namespace}/${name}/${atMs}`;
}

function seal(key: Buffer, value: Buffer, context: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
}

function open(key: Buffer, sealed: string, context: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64');
  const [iv, tag] = [bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES)];
  try {
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context)).setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new Fault('PARAMETER_INVALID', { name: 'sealed', reason: 'it was not sealed with this domain\'s key for this name' }, { cause });
  }
}

function checkedSetting(value: unknown): PassedSetting {
  const { kind, word, sealed } = (value ?? {}) as { kind?: unknown; word?: Record<string, unknown>; sealed?: unknown };
  const { atMs, removed, name } = word ?? {};
  if (typeof atMs !== 'number' || !Number.isSafeInteger(atMs) || atMs <= 0) throw invalid('atMs', 'it is a time in milliseconds');
  const time = { atMs, ...(removed === true && { removed: true }) };
  if (kind === 'secret') {
    const secret = { name: secretNameOf(name), namespace: namespaceOf(word?.['namespace']), ...time };
    return { kind, word: secret, ...(typeof sealed === 'string' && { sealed }) };
  }
  if (kind !== 'namespace' || typeof name !== 'string' || name === '') throw invalid('kind', 'it is a namespace or a secret, with its name');
  return { kind, word: { name: namespaceOf(name), labels: textsOf(word?.['labels']), annotations: textsOf(word?.['annotations']), ...time } };
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function invalid(name: string, reason: string): Fault {
  return new Fault('PARAMETER_INVALID', { name, reason });
}
