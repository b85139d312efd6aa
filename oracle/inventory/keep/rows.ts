/** From the columns of a snapshot back to rows. */
import { OBJECT_NAMES } from '../../../runtime/model/inventory/objects.js';
import { ROWS_A_TURN } from '../../../runtime/model/limits.js';
import { type Column, hasSecret, keyOf, SECRET_COLUMN, VALUE_COLUMNS } from '../engine/columns.js';
import type { Engine } from '../engine/engine.js';
import type { RowBlock, SnapshotPlace } from '../engine/messages.js';
import type { Row, Value } from '../state/row.js';
import { WorkingSet } from '../state/working-set.js';

/** A working set with everything that a snapshot has; others get their turn in between. */
export async function readSnapshot(engine: Engine, snapshot: SnapshotPlace): Promise<WorkingSet> {
  const set = new WorkingSet();
  await engine.call('read', { name: snapshot.name, folder: snapshot.folder });
  let made = 0;
  // The next block is fetched while this one is made into rows.
  let coming = engine.call('next');
  for (let block = await coming; block; block = await coming) {
    coming = engine.call('next');
    for (const row of rowsOf(block)) set.apply({ object: block.object, id: row.id, after: row });
    made += block.rows;
    if (made >= ROWS_A_TURN) {
      made = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return set;
}

function rowsOf({ object, rows, columns }: RowBlock): Row[] {
  const present = VALUE_COLUMNS[object].flatMap((column) => (columns[column.name] ? [{ column, cells: columns[column.name]! }] : []));
  const [ids, seqs, borns, secrets] = [keyOf(object), 'seq', 'born', SECRET_COLUMN.name].map((name) => columns[name]!);
  return Array.from({ length: rows }, (_, index) => {
    const value: Value = {};
    for (const { column, cells } of present) {
      const cell = cells[index];
      if (cell !== null && cell !== undefined) value[column.name] = valueOf(column, cell);
    }
    const secret = hasSecret(object) ? secrets?.[index] : undefined;
    return { id: ids![index] as string, seq: seqs![index] as number, born: borns![index] as number, value, ...(typeof secret === 'string' && { secret }) };
  });
}

function valueOf({ type }: Column, cell: unknown): unknown {
  return type === 'JSON' ? JSON.parse(cell as string) : cell;
}

/** Rows by object, for whoever reports them. */
export function countsOf(set: WorkingSet): Record<string, number> {
  return Object.fromEntries(OBJECT_NAMES.map((object) => [object, set.tables[object].size]));
}
