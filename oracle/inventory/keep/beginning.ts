/** What a start finds on the disk: the snapshot to begin with, and what the journal has since. */
import { Fault } from '../../../runtime/model/faults.js';
import type { Log } from '../../../runtime/base/log.js';
import type { Follower } from './follower.js';
import type { Segment } from './journal.js';
import { type Recorded, recoverJournal } from './recover.js';
import type { Snapshot, SnapshotFolder } from './snapshots.js';

export interface BeginningParts {
  folder: SnapshotFolder;
  journalFolder: string;
  follower: Follower;
  log: Log;
}

export interface Beginning {
  /** All that are there, oldest first. The newest is as its manifest says; none when there is none. */
  snapshots: Snapshot[];
  /** Changes since the newest, in order. */
  late: Recorded[];
  /** Number of the last change. */
  seq: number;
  segments: Segment[];
}

/** Sets aside whatever is damaged. Throws INVENTORY_UNAVAILABLE when there is a snapshot and no DuckDB. */
export async function findBeginning({ folder, journalFolder, follower, log }: BeginningParts): Promise<Beginning> {
  const { snapshots, torn } = await folder.list();
  for (const name of torn) {
    log.error({ snapshot: name }, 'a snapshot of the inventory has no manifest that can be read; it was set aside');
    await folder.setAside(name);
  }
  for (let newest = snapshots.at(-1); newest; newest = snapshots.at(-1)) {
    const reason = await damageOf(newest, follower);
    if (reason === undefined) break;
    log.error({ snapshot: newest.name, reason }, 'a snapshot of the inventory is damaged; it was set aside and the one before is taken');
    await folder.setAside(newest.name);
    snapshots.pop();
  }
  const late: Recorded[] = [];
  let seq = snapshots.at(-1)?.seq ?? 0;
  const { segments, damaged } = await recoverJournal(journalFolder, seq, async (batch, last) => {
    for (const recorded of batch) late.push(recorded);
    seq = Math.max(seq, last);
    await new Promise((resolve) => setImmediate(resolve));
  });
  if (damaged.length > 0) log.error({ files: damaged }, 'the journal of the inventory is damaged in its middle, or does not begin where the snapshot ends; what came after was set aside');
  return { snapshots, late, seq, segments };
}

async function damageOf({ folder, tables }: Snapshot, follower: Follower): Promise<string | undefined> {
  return follower.use((engine) => engine.call('verify', folder, tables)).then(() => undefined, (error: Error) => {
    if (error instanceof Fault && error.code === 'INVENTORY_UNAVAILABLE') throw error;
    return error.message;
  });
}

/** Objects that the journal has changed since the snapshot, and the nodes that they are shown with. */
export function touchedBy(late: Recorded[]): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const { object, id, row } of late) {
    touched.add(`${object} ${id}`);
    if (object === 'NetworkInterface' && typeof row?.value['compute_node_id'] === 'string') touched.add(`ComputeNode ${row.value['compute_node_id']}`);
  }
  return touched;
}
