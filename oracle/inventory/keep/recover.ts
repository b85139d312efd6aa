/** Reads a journal after whatever ended the former life: whole batches count, a torn end is cut off. */
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Row, Value } from '../state/row.js';
import type { Segment } from './journal.js';

/** One line of the journal; without a row the object was deleted. */
export interface Recorded {
  object: ObjectName;
  id: string;
  seq: number;
  row?: Row;
}

export interface Recovered {
  /** Segments that hold changes, oldest first. */
  segments: Segment[];
  /** Files that were set aside because something in the middle of the journal is damaged. */
  damaged: string[];
}

const LINE_FEED = 10;
const COMMIT = Buffer.from('{"o":"commit"');

/** Calls `onBatch` for every whole batch with changes above `after`, in order, and waits for it. */
export async function recoverJournal(folder: string, after: number, onBatch: (batch: Recorded[], last: number) => void | Promise<void>): Promise<Recovered> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ndjson')).sort();
  const recovered: Recovered = { segments: [], damaged: [] };
  for (const [index, name] of names.entries()) {
    const file = join(folder, name);
    const { segment, isWhole } = await readSegment(file, after, onBatch);
    if (segment.bytes > 0) recovered.segments.push(segment);
    else await unlink(file);
    // Changes behind a hole would make a state that never was.
    if (!isWhole && index < names.length - 1) {
      recovered.damaged = await setAside(folder, names.slice(index + 1));
      break;
    }
  }
  return recovered;
}

async function readSegment(file: string, after: number, onBatch: (batch: Recorded[], last: number) => void | Promise<void>) {
  const bytes = await readFile(file);
  const segment: Segment = { file, first: 0, last: -1, bytes: 0 };
  for (;;) {
    const batch = nextBatch(bytes, segment.bytes);
    if (!batch) break;
    if (segment.bytes === 0) segment.first = batch.first;
    segment.last = batch.last;
    if (batch.last > after) await onBatch(recordedIn(bytes.subarray(segment.bytes, batch.bodyEnd)), batch.last);
    segment.bytes = batch.end;
  }
  const isWhole = segment.bytes === bytes.length;
  if (!isWhole && segment.bytes > 0) await cut(file, segment.bytes);
  return { segment, isWhole };
}

interface FoundBatch {
  first: number;
  last: number;
  bodyEnd: number;
  end: number;
}

/** Undefined when what follows is no whole batch. */
function nextBatch(bytes: Buffer, start: number): FoundBatch | undefined {
  for (let at = start; at < bytes.length;) {
    const end = bytes.indexOf(LINE_FEED, at);
    if (end < 0) return undefined;
    if (bytes.subarray(at, at + COMMIT.length).equals(COMMIT)) {
      const commit = parsed(bytes.subarray(at, end)) as { f: number; s: number; c: number } | undefined;
      if (!commit || commit.c !== crc32(bytes.subarray(start, at))) return undefined;
      return { first: commit.f, last: commit.s, bodyEnd: at, end: end + 1 };
    }
    at = end + 1;
  }
  return undefined;
}

function recordedIn(body: Buffer): Recorded[] {
  return body.toString('utf8').split('\n').slice(0, -1).map((line) => {
    const { t: object, id, s: seq, b: born, v: value, x: secret } = JSON.parse(line) as { t: ObjectName; id: string; s: number; b: number; v?: Value; x?: string };
    if (!OBJECT_NAMES.includes(object)) throw new Error(`The journal has changes of ${String(object)}, which this version does not know.`);
    return { object, id, seq, ...(value && { row: { id, seq, born, value, ...(secret !== undefined && { secret }) } }) };
  });
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function cut(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function setAside(folder: string, names: string[]): Promise<string[]> {
  const aside = join(folder, 'damaged');
  await mkdir(aside, { recursive: true, mode: 0o700 });
  return Promise.all(names.map(async (name) => {
    await rename(join(folder, name), join(aside, name));
    return join(aside, name);
  }));
}
