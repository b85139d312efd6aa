/** What queries may read besides the inventory: Parquet files as views of the schema `remote`, databases as catalogs. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RemoteSource } from '../settings.js';
import type { CopiedTable, EngineConfig, OpenedSource, SourcePlace } from './messages.js';
import { literal, quoted } from './quote.js';

type Kind = RemoteSource['kind'];

/** Kinds that need an extension wherever they lie, and how its file is called. */
const EXTENSIONS: Partial<Record<Kind, string>> = { sqlite: 'sqlite_scanner', postgres: 'postgres_scanner' };

export class RemoteSources {
  /** Parquet files that can be read. */
  readonly views: string[] = [];
  /** Databases that can be read. */
  readonly catalogs: string[] = [];
  /** Why others cannot: databases by name, Parquet files by `remote.` and name. */
  readonly missing = new Map<string, string>();
  /** Views of databases that were copied, as they are to be dropped. */
  readonly #copied = new Map<string, { schema: string; table: string }[]>();
  readonly #told = new Map<string, string>();

  constructor(private readonly connection: DuckDBConnection) {}

  /** The sources that are allowed, and the folders; afterwards nothing else can be. One that cannot be had is reported and left out. */
  async open({ remote, folders }: EngineConfig): Promise<OpenedSource[]> {
    const own = remote.filter(({ kind, at }) => kind === 'parquet' && !/^\w+:\/\//.test(at)).map(({ at }) => folderOf(at));
    const others = remote.filter(({ kind, at }) => kind === 'parquet' && isWeb(at) && !isFetched(at)).map(({ at }) => folderOf(at));
    await this.connection.run(`SET allowed_directories = [${[...folders, ...own, ...others].map(literal).join(', ')}]`);
    await this.connection.run('CREATE SCHEMA remote');
    const answers: OpenedSource[] = [];
    for (const source of remote) if (!isFetched(source.at) || EXTENSIONS[source.kind] !== undefined) answers.push(await this.#openOne(source));
    return answers;
  }

  async #openOne({ name, kind, at }: RemoteSource): Promise<OpenedSource> {
    const extension = EXTENSIONS[kind] ?? (isWeb(at) ? 'httpfs' : undefined);
    try {
      if (extension !== undefined) await this.connection.run(`LOAD ${extension}`);
    } catch {
      if (EXTENSIONS[kind] === undefined) return this.#lack(name, kind, await this.#whereMissing(extension!));
      // Its tables are made from a copy.
      await this.connection.run(`ATTACH ':memory:' AS ${quoted(name)}`);
      this.#lack(name, kind, 'it has not been copied yet');
      return { name, isCopied: true };
    }
    try {
      await this.#attach({ name, kind, at });
      return { name };
    } catch (error) {
      // The address of a database has a password in it.
      return this.#lack(name, kind, firstLine(error).replaceAll(at, 'its address'));
    }
  }

  /** Those that were fetched or copied, as they are now. */
  async take(places: SourcePlace[]): Promise<void> {
    for (const place of places) {
      const told = JSON.stringify(place);
      if (this.#told.get(place.name) === told) continue;
      this.#told.set(place.name, told);
      await this.#drop(place);
      try {
        if ('problem' in place) this.#lack(place.name, place.kind, place.problem);
        else if ('file' in place) await this.#attach({ name: place.name, kind: place.kind, at: place.file });
        else await this.#showCopy(place.name, place.kind, place.tables);
      } catch (error) {
        const path = 'file' in place ? place.file : 'folder' in place ? place.folder : '';
        this.#lack(place.name, place.kind, firstLine(error).replaceAll(path, 'its copy'));
      }
    }
  }

  async #attach({ name, kind, at }: RemoteSource): Promise<void> {
    if (kind === 'parquet') await this.connection.run(`CREATE VIEW remote.${quoted(name)} AS SELECT * FROM read_parquet(${literal(at)})`);
    else await this.connection.run(`ATTACH ${literal(at)} AS ${quoted(name)} (READ_ONLY${kind === 'duckdb' ? '' : `, TYPE ${kind}`})`);
    this.#have(name, kind);
  }

  async #showCopy(name: string, kind: Kind, tables: CopiedTable[]): Promise<void> {
    const short = kind === 'postgres' ? shortNamesOf(tables) : [];
    this.#copied.set(name, [...tables, ...short].map(({ schema, table }) => ({ schema, table })));
    for (const each of tables) {
      await this.connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoted(name)}.${quoted(each.schema)}`);
      await this.connection.run(`CREATE VIEW ${quoted(name)}.${quoted(each.schema)}.${quoted(each.table)} AS SELECT ${each.columns.map(shownColumn).join(', ')} FROM ${readerOf(each)}`);
    }
    for (const { schema, table } of short) await this.connection.run(`CREATE VIEW ${quoted(name)}.${quoted(schema)}.${quoted(table)} AS FROM ${quoted(name)}.public.${quoted(table)}`);
    this.#have(name, kind);
  }

  /** Whether it is there only so that a table of Postgres is found without its schema, as Postgres itself finds it. */
  isShortName(catalog: string, schema: string, table: string): boolean {
    return schema === 'main' && (this.#copied.get(catalog) ?? []).some((each) => each.schema === 'public' && each.table === table);
  }

  async #drop({ name, kind }: SourcePlace): Promise<void> {
    if (kind === 'parquet') await this.connection.run(`DROP VIEW IF EXISTS remote.${quoted(name)}`);
    if (kind === 'duckdb') await this.connection.run(`DETACH DATABASE IF EXISTS ${quoted(name)}`);
    for (const { schema, table } of this.#copied.get(name) ?? []) await this.connection.run(`DROP VIEW IF EXISTS ${quoted(name)}.${quoted(schema)}.${quoted(table)}`);
    this.#copied.delete(name);
  }

  #have(name: string, kind: Kind): void {
    this.missing.delete(keyOf(name, kind));
    const list = kind === 'parquet' ? this.views : this.catalogs;
    if (!list.includes(name)) list.push(name);
  }

  #lack(name: string, kind: Kind, problem: string): OpenedSource {
    this.missing.set(keyOf(name, kind), problem);
    const list = kind === 'parquet' ? this.views : this.catalogs;
    if (list.includes(name)) list.splice(list.indexOf(name), 1);
    return { name, problem };
  }

  /** Where an extension is looked for, so that somebody can put it there. */
  async #whereMissing(extension: string): Promise<string> {
    const [[version, platform]] = (await this.connection.runAndReadAll('SELECT v.library_version, p.platform FROM pragma_version() AS v, pragma_platform() AS p')).getRows() as [[string, string]];
    return `DuckDB's extension ${extension} (${version}, ${platform}) is not installed on this machine`;
  }
}

/** Fetched by us: neither needs an extension then. */
function isFetched(at: string): boolean {
  return /^https?:\/\//i.test(at);
}

function isWeb(at: string): boolean {
  return /^\w+:\/\//.test(at);
}

/** Tables of `public` again in `main`, where DuckDB looks for those without a schema. */
function shortNamesOf(tables: CopiedTable[]): { schema: string; table: string }[] {
  const isTaken = (name: string) => tables.some(({ schema, table }) => schema === 'main' && table.toLowerCase() === name.toLowerCase());
  return tables.filter(({ schema, table }) => schema === 'public' && !isTaken(table)).map(({ table }) => ({ schema: 'main', table }));
}

function keyOf(name: string, kind: Kind): string {
  return kind === 'parquet' ? `remote.${name}` : name;
}

/** Up to the first name that may be several. */
function folderOf(at: string): string {
  return at.replace(/[*?[{].*$/s, '').replace(/[^/]*$/, '');
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]!;
}

function shownColumn({ name, type }: CopiedTable['columns'][number]): string {
  return type === 'BLOB' ? `unhex(${quoted(name)}) AS ${quoted(name)}` : quoted(name);
}

function readerOf({ format, file, columns }: CopiedTable): string {
  const shape = `{${columns.map(({ name, type }) => `${literal(name)}: ${literal(type === 'BLOB' ? 'VARCHAR' : type)}`).join(', ')}}`;
  if (format === 'json') return `read_json(${literal(file)}, format = 'array', columns = ${shape}, maximum_object_size = ${MAX_ROW_BYTES})`;
  return `read_csv(${literal(file)}, columns = ${shape}, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '\\N', allow_quoted_nulls = false, max_line_size = ${MAX_ROW_BYTES})`;
}

/** One row of another database. */
const MAX_ROW_BYTES = 16 * 1024 * 1024;
