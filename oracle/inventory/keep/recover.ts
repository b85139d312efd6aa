/** Reads a journal after whatever ended the former life: whole batches count, a torn end is cut off. */
import { copyFile, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
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
  /** Copies of the files in which, or behind which, something in the middle of the journal is damaged or missing. */
  damaged: string[];
}

const LINE_FEED = 10;
const COMMIT = Buffer.from('{"o":"commit"');

type OnBatch = (batch: Recorded[], last: number) => void | Promise<void>;

/** Calls `onBatch` for every whole batch with changes above `after`, in order and without a gap, and waits for it. */
export async function recoverJournal(folder: string, after: number, onBatch: OnBatch): Promise<Recovered> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ndjson')).sort();
  const recovered: Recovered = { segments: [], damaged: [] };
  let last = after;
  for (const [index, name] of names.entries()) {
    const file = join(folder, name);
    const read = await readSegment(file, last, onBatch);
    const { segment, end } = read;
    last = read.last;
    // Changes behind a hole would make a state that never was.
    const isHole = end === 'gap' || (end === 'torn' && index < names.length - 1);
    if (isHole) recovered.damaged = await setAside(folder, names.slice(index));
    if (end !== 'whole' && segment.bytes > 0) await cut(file, segment.bytes);
    if (segment.bytes > 0) recovered.segments.push(segment);
    else await unlink(file);
    if (isHole) {
      await Promise.all(names.slice(index + 1).map((each) => unlink(join(folder, each))));
      break;
    }
  }
  return recovered;
}

/** `end`: whether all of it was read, or what follows is no whole batch, or one that does not follow upon `last`. */
async function readSegment(file: string, after: number, onBatch: OnBatch): Promise<{ segment: Segment; last: number; end: 'whole' | 'torn' | 'gap' }> {
  const bytes = await readFile(file);
  const segment: Segment = { file, first: 0, last: -1, bytes: 0 };
  let last = after;
  for (;;) {
    const batch = nextBatch(bytes, segment.bytes);
    if (!batch) return { segment, last, end: segment.bytes === bytes.length ? 'whole' : 'torn' };
    if (batch.last > last) {
      if (batch.after !== undefined && batch.after > last) return { segment, last, end: 'gap' };
      await onBatch(recordedIn(bytes.subarray(segment.bytes, batch.bodyEnd)), batch.last);
      last = batch.last;
    }
    if (segment.bytes === 0) segment.first = batch.first;
    segment.last = batch.last;
    segment.bytes = batch.end;
  }
}

interface FoundBatch {
  first: number;
  last: number;
  /** The change before; missing in a journal of a former version. */
  after?: number;
  bodyEnd: number;
  end: number;
}

/** Undefined when what follows is no whole batch. */
function nextBatch(bytes: Buffer, start: number): FoundBatch | undefined {
  for (let at = start; at < bytes.length;) {
    const end = bytes.indexOf(LINE_FEED, at);
    if (end < 0) return undefined;
    if (bytes.subarray(at, at + COMMIT.length).equals(COMMIT)) {
      const commit = parsed(bytes.subarray(at, end)) as { p?: number; f: number; s: number; c: number } | undefined;
      if (!commit || commit.c !== crc32(bytes.subarray(start, at))) return undefined;
      return { first: commit.f, last: commit.s, ...(commit.p !== undefined && { after: commit.p }), bodyEnd: at, end: end + 1 };
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
    await copyFile(join(folder, name), join(aside, name));
    return join(aside, name);
  }));
}
