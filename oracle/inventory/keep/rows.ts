/** From the blocks of a snapshot back to rows. */
import { Fault } from '../../../runtime/model/faults.js';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import { ROWS_A_TURN } from '../../../runtime/model/limits.js';
import { keyOf } from '../engine/columns.js';
import type { Engine } from '../engine/engine.js';
import type { RowBlock, SnapshotPlace } from '../engine/messages.js';
import { KeptRow, KeptValues, type Value } from '../state/row.js';
import { WorkingSet } from '../state/working-set.js';
import type { Recorded } from './recover.js';

type Head = [seq: number, born: number, secret: string | null, indexed: Value];

/** A working set with everything that a snapshot has; others get their turn after every block. Its `ready` says when it is ready. */
export async function readSnapshot(engine: Engine, snapshot: SnapshotPlace): Promise<WorkingSet> {
  const set = new WorkingSet();
  set.isReady = false;
  await fill(set, engine, snapshot);
  set.ready = indexLate(set);
  return set;
}

/** What the journal has after the snapshot, in turns with others. */
export async function applyAll(set: WorkingSet, late: Recorded[]): Promise<void> {
  for (const [index, { object, id, row }] of late.entries()) {
    const before = set.get(object, id);
    set.apply({ object, id, ...(before && { before }), ...(row && { after: row }) });
    if (index % ROWS_A_TURN === ROWS_A_TURN - 1) await turn();
  }
}

/** Puts the rows of a snapshot into their places. */
export async function fill(set: WorkingSet, engine: Engine, snapshot: SnapshotPlace): Promise<void> {
  await engine.call('read', { name: snapshot.name, folder: snapshot.folder });
  // The next block is fetched while this one is made into rows.
  let coming = engine.call('next');
  for (let block = await coming; block; block = await coming) {
    coming = engine.call('next');
    // Awaited in the next round; until then its rejection is nobody's, and would end the process.
    coming.catch(() => undefined);
    addRows(set, block);
    await turn();
  }
}

/** One object and what is shown with it, as a snapshot has them; undefined when its name is not spelled there as it is asked for. */
export async function findInSnapshot(engine: Engine, snapshot: SnapshotPlace, object: ObjectName, key: string): Promise<WorkingSet | undefined> {
  const blocks = await engine.call('find', { name: snapshot.name, folder: snapshot.folder }, object, key);
  if (blocks.length === 0) return undefined;
  const set = new WorkingSet();
  for (const block of blocks) addRows(set, block);
  return set;
}

function addRows(set: WorkingSet, { object, heads, values }: RowBlock): void {
  const told = JSON.parse(`[${textOf(heads)}null]`) as (Head | null)[];
  const kept = new KeptValues(values);
  const key = keyOf(object);
  for (let place = 0; place < told.length - 1; place += 1) {
    const [seq, born, secret, indexed] = told[place]!;
    set.load(object, new KeptRow(indexed[key] as string, seq, born, kept, place, secret ?? undefined), indexed);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** What a start leaves for later. */
export async function indexLate(set: WorkingSet): Promise<void> {
  let done = 0;
  for (const object of OBJECT_NAMES) {
    for (const row of set.tables[object].values()) {
      set.index(object, row);
      done += 1;
      if (done % ROWS_A_TURN === 0) await turn();
    }
  }
  set.isReady = true;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Rows by object, for whoever reports them. */
export function countsOf(set: WorkingSet): Record<string, number> {
  return Object.fromEntries(OBJECT_NAMES.map((object) => [object, set.tables[object].size])) as Record<ObjectName, number>;
}

/** Whoever waits for what cannot be brought back is told so; nobody may be waiting. */
export function orUnavailable(done: Promise<void>): Promise<void> {
  const told = done.catch((cause: unknown) => {
    throw new Fault('INVENTORY_UNAVAILABLE', { reason: 'it could not be brought back from the disk; the oracle\'s log says why' }, { cause });
  });
  told.catch(() => undefined);
  return told;
}
