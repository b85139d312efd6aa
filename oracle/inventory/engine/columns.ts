/** The columns of an object's table, made from its definition: one a field, nested ones as JSON. Nothing is lost on the way. */
import type { TSchema } from '@sinclair/typebox';
import { OBJECT_NAMES, type ObjectName, objectDefinitions } from '../../../runtime/model/inventory/objects.js';

export interface Column {
  name: string;
  type: 'VARCHAR' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'JSON';
}

/** Kept elsewhere, or under another name. */
const LEFT_OUT: Partial<Record<ObjectName, string[]>> = {
  ComputeNode: ['network_interfaces', 'bmc', 'location_string'], BMC: ['location_string', 'password'],
};
const ADDED: Partial<Record<ObjectName, Column[]>> = { ComputeNode: [{ name: 'bmc_id', type: 'VARCHAR' }] };

/** Columns of the row itself, after those of its value. `password` is the ciphertext. */
export const ROW_COLUMNS: Column[] = [{ name: 'seq', type: 'BIGINT' }, { name: 'born', type: 'BIGINT' }];
export const SECRET_COLUMN: Column = { name: 'password', type: 'VARCHAR' };

export function hasSecret(object: ObjectName): boolean {
  return object === 'BMC';
}

/** Columns of the value. Strictness makes no difference to them. */
export const VALUE_COLUMNS: Record<ObjectName, Column[]> = columnsOf();

export function tableColumns(object: ObjectName): Column[] {
  return [...VALUE_COLUMNS[object], ...ROW_COLUMNS, ...(hasSecret(object) ? [SECRET_COLUMN] : [])];
}

/** Field that holds the id of a row. */
export function keyOf(object: ObjectName): string {
  return object === 'Component' ? 'UID' : 'id';
}

function columnsOf(): Record<ObjectName, Column[]> {
  const definitions = objectDefinitions({ strictXnames: false });
  const columns: Partial<Record<ObjectName, Column[]>> = {};
  for (const name of OBJECT_NAMES) {
    const fields = Object.entries(definitions[name].properties).filter(([field]) => !LEFT_OUT[name]?.includes(field));
    columns[name] = [...fields.map(([field, schema]): Column => ({ name: field, type: typeOf(schema) })), ...ADDED[name] ?? []];
  }
  return columns as Record<ObjectName, Column[]>;
}

function typeOf({ type }: TSchema): Column['type'] {
  if (type === 'string') return 'VARCHAR';
  if (type === 'integer') return 'BIGINT';
  if (type === 'number') return 'DOUBLE';
  return type === 'boolean' ? 'BOOLEAN' : 'JSON';
}
