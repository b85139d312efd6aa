/** Session data as seed 003 puts it on the wire: `{key, data}`, and base64 where the bytes are no text. */
import { isUtf8 } from 'node:buffer';
import type { Item } from '../store/store.js';

export interface SeedDatum {
  key: string;
  data: string | string[];
  encoding?: 'base64';
}

/** One byte in front of every stored value tells text from bytes; the seed's wire has no place for it. */
const TAG_BYTES = 1;

export function seedData(items: Item[]): SeedDatum[] {
  const data: SeedDatum[] = [];
  for (const item of items) {
    if (item.kind === 'value') data.push(datum(item.key, [item.value], (texts) => texts[0]!));
    if (item.kind === 'list') data.push(datum(item.key, item.values, (texts) => texts));
  }
  return data;
}

function datum(key: string, stored: Buffer[], shape: (texts: string[]) => string | string[]): SeedDatum {
  const values = stored.map((value) => value.subarray(TAG_BYTES));
  if (values.every((value) => isUtf8(value))) return { key, data: shape(values.map((value) => value.toString('utf8'))) };
  return { key, data: shape(values.map((value) => value.toString('base64'))), encoding: 'base64' };
}
