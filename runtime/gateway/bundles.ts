/** The code of functions: one file per bundle, named by its SHA-256, written whole or not at all. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Ids } from '../base/ids.js';
import { Fault } from '../model/faults.js';
import { MAX_BUNDLE_BYTES } from '../model/limits.js';

export interface Bundles {
  has(sha256: string): Promise<boolean>;
  /** Path of the ES module. */
  pathOf(sha256: string): string;
  /** Bytes; undefined when it is not here. */
  sizeOf(sha256: string): Promise<number | undefined>;
  read(sha256: string): AsyncIterable<Buffer>;
  /**
   * Keeps a bundle. Rejects with BODY_TOO_LARGE, or with PARAMETER_INVALID when the content has another hash.
   * @param beforeKept last word on the content's hash; throws to refuse it
   */
  write(sha256: string, content: AsyncIterable<Buffer>, beforeKept?: (sha256: string) => void): Promise<void>;
  /** Removes what nobody wants any more and was written before then (ms since the epoch); what was left half written, too. */
  sweep(isWanted: (sha256: string) => boolean, beforeMs: number): Promise<void>;
}

export function createBundles({ folder, ids, limit = MAX_BUNDLE_BYTES }: { folder: string; ids: Ids; limit?: number }): Bundles {
  const pathOf = (sha256: string) => join(folder, `${sha256}.mjs`);
  const sizeOf = (sha256: string) => stat(pathOf(sha256)).then(({ size }) => size, () => undefined);
  return {
    pathOf,
    sizeOf,
    has: async (sha256) => await sizeOf(sha256) !== undefined,
    read: (sha256) => createReadStream(pathOf(sha256)),
    async write(sha256, content, beforeKept) {
      await mkdir(folder, { recursive: true });
      const draft = join(folder, `.${sha256}.${ids.uuid()}`);
      try {
        const actual = await writeHashed(draft, content, limit);
        beforeKept?.(actual);
        if (actual !== sha256) throw new Fault('PARAMETER_INVALID', { name: 'sha256', reason: `the content has the hash ${actual}` });
        await rename(draft, pathOf(sha256));
      } finally {
        await rm(draft, { force: true });
      }
    },
    async sweep(isWanted, beforeMs) {
      for (const name of await readdir(folder).catch(() => [])) {
        const path = join(folder, name);
        const isOld = await stat(path).then(({ mtimeMs }) => mtimeMs < beforeMs, () => false);
        if (isOld && !isWanted(name.replace(/\.mjs$/, ''))) await rm(path, { force: true });
      }
    },
  };
}

async function writeHashed(path: string, content: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(content, async function* measured(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > limit) throw new Fault('BODY_TOO_LARGE', { limit });
      hash.update(chunk);
      yield chunk;
    }
  }, createWriteStream(path, { mode: 0o600, flush: true }));
  return hash.digest('hex');
}
