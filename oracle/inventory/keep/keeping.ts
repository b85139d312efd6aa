import { join } from 'node:path';
import type { Log } from '../../../runtime/base/log.js';
import type { Inventory } from '../inventory.js';
import { WorkingSet } from '../state/working-set.js';
import { Journal } from './journal.js';
import { type Recorded, recoverJournal } from './recover.js';

/** Keeps an inventory on the disk and brings it back. */
export class Keeping {
  #journal!: Journal;

  constructor(private readonly parts: { inventory: Inventory; folder: string; log: Log }) {}

  async start(): Promise<void> {
    const { inventory, folder, log } = this.parts;
    const set = new WorkingSet();
    let seq = 0;
    const journalFolder = join(folder, 'journal');
    const { segments } = await recoverJournal(journalFolder, seq, (batch, last) => {
      for (const recorded of batch) applyRecorded(set, recorded);
      seq = last;
    });
    this.#journal = new Journal({
      folder: journalFolder, segments,
      onFailure(error) {
        log.error({ reason: error.message }, 'the journal of the inventory cannot be written');
        inventory.takeBack();
      },
    });
    inventory.openWith(set, seq, this.#journal);
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}

export function applyRecorded(set: WorkingSet, { object, id, row }: Recorded): void {
  const before = set.get(object, id);
  set.apply({ object, id, ...(before && { before }), ...(row && { after: row }) });
}
