/** Files of sessions that an operator has discarded: the binary stream of a move, with the record as its head. */
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hashOfSession } from '../base/log.js';
import type { Slot } from '../model/record.js';
import type { SessionStore } from '../store/store.js';
import { itemBatches } from './source.js';
import { encodeStream } from './stream.js';

export interface Archive {
  /** Resolves with the file's name once all of the session is on disk. */
  keep(slot: Slot, store: SessionStore): Promise<string>;
}

export function folderArchive(folder: string): Archive {
  return {
    async keep(slot, store) {
      const file = join(folder, `${hashOfSession(slot.session)}-${slot.incarnation}.session`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const draft = `${file}.draft`;
      const items = itemBatches(store, slot.session, await store.inventory(slot.session));
      await pipeline(encodeStream({ slot }, items), createWriteStream(draft, { mode: 0o600 }));
      await synced(draft);
      await rename(draft, file);
      await synced(dirname(file));
      return file;
    },
  };
}

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** For tests in memory. */
export function memoryArchive(): Archive & { readonly kept: Slot[] } {
  const kept: Slot[] = [];
  return { kept, keep: async (slot) => `memory:${kept.push(slot)}` };
}
