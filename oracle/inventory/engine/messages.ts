/** What the oracle's thread and the engine's thread say to each other. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { RemoteSource } from '../settings.js';

export interface EngineConfig {
  /** Folders that the database may read and write: journal and snapshots. */
  folders: string[];
  memoryMb: number;
  threads: number;
  remote: RemoteSource[];
}

/** What of a source lies here: a file that was fetched, tables that were copied, or why neither. */
export type SourcePlace = { name: string; kind: RemoteSource['kind'] } & ({ file: string } | { folder: string; tables: CopiedTable[] } | { problem: string });

/** One table of another database as a file. Bytes are in hex there. */
export interface CopiedTable {
  schema: string;
  table: string;
  format: 'json' | 'csv';
  file: string;
  columns: { name: string; type: string }[];
}

/** A source as it was found at the start; `isCopied`: there is no extension for it here, so that it has to be copied. */
export interface OpenedSource {
  name: string;
  problem?: string;
  isCopied?: true;
}

/** One table of a snapshot, as its manifest has it. */
export interface TableFacts {
  rows: number;
  bytes: number;
  sha256: string;
}

export interface SnapshotPlace {
  name: string;
  folder: string;
}

export interface QueryAnswer {
  columns: { name: string; type: string }[];
  rows: Record<string, unknown>[];
  /** Whether there are more rows than were allowed. */
  truncated: boolean;
}

/** Some rows of one table. */
export interface RowBlock {
  object: ObjectName;
  /** JSON: `[seq, born, ciphertext or null, value]` of each with a comma behind it; of the value, its id and the fields of the early indexes. */
  heads: Uint8Array;
  /** The whole values, a line of JSON each, to be read when somebody asks. Neither is copied on its way to the other thread. */
  values: Uint8Array;
}

export interface Difference {
  object: ObjectName;
  id: string;
  kind: 'added' | 'removed' | 'changed';
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
}

export interface TableDescription {
  /** What stands before its name in a query: a schema, a database, or both. */
  schema: string;
  table: string;
  columns: { name: string; type: string }[];
}

/** Every verb of the engine: its arguments and its answer. */
export interface EngineVerbs {
  open(config: EngineConfig): { remote: OpenedSource[] };
  /** Sources that were fetched or copied, all of them. */
  sources(places: SourcePlace[]): void;
  /** Fills the tables with a snapshot's rows, or empties them. */
  load(snapshot: SnapshotPlace | undefined): void;
  /** Takes over the changes of whole journal files above a number. */
  ingest(files: string[], after: number): void;
  /** Writes every table into the folder, synced, with its facts. */
  write(folder: string): Record<ObjectName, TableFacts>;
  /** Throws when a file is not what the manifest says. */
  verify(folder: string, facts: Partial<Record<ObjectName, TableFacts>>): void;
  /** Begins to read all rows of a snapshot; then `next` until it answers nothing. */
  read(snapshot: SnapshotPlace): void;
  next(): RowBlock | undefined;
  /** The one object with this id or with a name that is spelled so, and what is shown with it; nothing when there is none. */
  find(snapshot: SnapshotPlace, object: ObjectName, key: string): RowBlock[];
  /** Snapshots that queries see as schemas. */
  show(snapshots: SnapshotPlace[]): void;
  query(sql: string, limits: { rows: number; ms: number }): QueryAnswer;
  tables(): TableDescription[];
  /** `to` undefined: the current tables. */
  diff(from: SnapshotPlace, to: SnapshotPlace | undefined, objects: ObjectName[], limits: { differences: number; ms: number }): { differences: Difference[]; counts: Record<string, Record<string, number>> };
}

export type EngineVerb = keyof EngineVerbs;

export interface EngineCall {
  call: number;
  verb: EngineVerb;
  args: unknown[];
}

/** A refusal is said to the client, any other error to the log. */
export type EngineAnswer = { call: number; result: unknown } | { call: number; error: string; refused?: 'query' | 'time' };
