/**
 * What the machine needs of a storage engine: named rows in buckets, changed together or not at all.
 * Buckets and names are strings of bytes, one character (0 to 255) a byte, in the order of their bytes.
 */

export interface Range {
  /** Only names behind this one. */
  after?: string;
  limit?: number;
}

export interface ReadRows {
  /** A copy that the caller may keep. */
  get(bucket: string, name: string): Buffer | undefined;
  names(bucket: string, range?: Range): string[];
  range(bucket: string, range?: Range): [name: string, value: Buffer][];
}

export interface Rows extends ReadRows {
  /** The engine keeps its own copy of `value`. */
  put(bucket: string, name: string, value: Buffer): void;
  delete(bucket: string, name: string): void;
  clear(bucket: string): void;
}

export interface Backend {
  readonly kind: string;
  /**
   * Runs `work` alone, at once, without waiting inside; when it throws, nothing has changed. Resolves when the
   * change is visible and, unless `mayLag` says of the result that a crash may take it back, safe.
   */
  transact<T>(work: (rows: Rows) => T, mayLag?: (result: T) => boolean): Promise<T>;
  /** One consistent snapshot. */
  view<T>(work: (rows: ReadRows) => T): T;
  /** Resolves when a row, as it is seen now, is safe from a crash; rejects when it was taken back. */
  settled?(bucket: string, name: string): Promise<void>;
  close(): Promise<void>;
}

/** Any text as a string of its UTF-8 bytes. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** A number of at most 48 bits as bytes in the order of numbers. */
export function orderOf(value: number): string {
  const buffer = Buffer.allocUnsafe(6);
  buffer.writeUIntBE(Math.min(Math.max(0, Math.floor(value)), 2 ** 48 - 1), 0, 6);
  return buffer.toString('latin1');
}

function counted(bytes: string): string {
  return String.fromCharCode(bytes.length >> 8, bytes.length & 255) + bytes;
}

/** One letter a kind of row; all but the first two are kept for one session each. */
export const SLOTS = 'S';
export const UNFINISHED = 'U';
export const notesOf = (session: string): string => `N${counted(bytesOf(session))}`;
export const stagesOf = (session: string): string => `T${counted(bytesOf(session))}`;
export type SpaceBucket = 'D' | 'C' | 'R' | 'Q' | 'E' | 'I' | 'M';
/** Rows of a session's data: live, or staged for an attempt. */
export const spaceOf = (kind: SpaceBucket, session: string, space: string): string =>
  kind + counted(bytesOf(session)) + counted(bytesOf(space));
