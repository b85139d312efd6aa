/**
 * What a query of an administrator may look at: the tables and views of the inventory and nothing else. It
 * judges the parsed query, so nothing hides in a comment, a string or a subquery. The database itself refuses
 * files outside the inventory's folder besides.
 */

export interface Visible {
  /** Tables without a schema. */
  tables: string[];
  /** Schemas of which everything may be read. */
  schemas: string[];
  /** Databases of which everything may be read. */
  catalogs: string[];
  /** Why other sources cannot be read: databases by name, Parquet files by `remote.` and name. */
  missing: ReadonlyMap<string, string>;
  /** The database's own views, which tell about it: no name of a WITH, because where that name does not hold the view would be read. */
  hidden: ReadonlySet<string>;
  /** The database's own functions that are queries themselves. */
  asking: ReadonlySet<string>;
}

/** Table functions that make rows of their arguments. */
const TABLE_FUNCTIONS = new Set(['unnest', 'range', 'generate_series', 'json_each', 'json_tree']);
/** Functions that tell about the process or its settings, run text as a query, change something, or only hold the engine. */
const REFUSED_FUNCTIONS = new Set([
  'getenv', 'current_setting', 'getvariable', 'write_log', 'nextval', 'currval', 'query', 'query_table', 'set_config', 'txid_current', 'json_execute_serialized_sql',
  'sleep_ms', 'pg_sleep',
]);
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

type Node = Record<string, unknown>;

/** Why the query is refused; undefined when it is fine. `serialized` is what json_serialize_sql made of it. */
export function refusalOfQuery(serialized: string, visible: Visible): string | undefined {
  const { error, error_type: kind, error_message: message, statements } = JSON.parse(serialized) as { error: boolean; error_type?: string; error_message?: string; statements?: Node[] };
  if (error) return kind === 'not implemented' ? 'only SELECT is allowed here' : message ?? 'it cannot be read';
  if (statements?.length !== 1) return 'one statement at a time';
  return offenceIn(statements[0], new Set(namesOfWith(statements[0], visible)), visible);
}

function offenceIn(value: unknown, named: Set<string>, visible: Visible): string | undefined {
  if (Array.isArray(value)) return first(value, (each) => offenceIn(each, named, visible));
  if (typeof value !== 'object' || value === null) return undefined;
  const node = value as Node;
  return offenceOf(node, named, visible) ?? first(Object.values(node), (each) => offenceIn(each, named, visible));
}

function first<T>(items: T[], offence: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = offence(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function offenceOf(node: Node, named: Set<string>, visible: Visible): string | undefined {
  if (node['type'] === 'BASE_TABLE') return isVisible(node, named, visible) ? undefined : reasonFor(node, visible);
  if (node['type'] === 'TABLE_FUNCTION') {
    const name = String((node['function'] as Node | undefined)?.['function_name']).toLowerCase();
    return TABLE_FUNCTIONS.has(name) ? undefined : `the function ${name} makes no table here`;
  }
  if (node['type'] === 'SHOW_REF' && !['DESCRIBE', 'SUMMARY'].includes(String(node['show_type']))) return 'tables and views are listed by GET /inventory/sql/views';
  if (node['type'] === 'SHOW_REF' && !node['query']) return 'DESCRIBE needs the name of a table or a query';
  if (node['class'] === 'FUNCTION' && isRefused(String(node['function_name']).toLowerCase(), visible)) return `the function ${String(node['function_name'])} is not allowed here`;
  return undefined;
}

function isRefused(name: string, { asking }: Visible): boolean {
  return REFUSED_FUNCTIONS.has(name) || asking.has(name);
}

function isVisible(node: Node, named: Set<string>, { tables, schemas, catalogs }: Visible): boolean {
  const [catalog, schema, table] = [node['catalog_name'], node['schema_name'], node['table_name']].map((part) => String(part ?? '').toLowerCase());
  if (catalog !== '') return catalogs.includes(catalog!);
  if (schema === '' || schema === 'main') return tables.includes(table!) || (schema === '' && named.has(table!));
  return schemas.includes(schema!) || catalogs.includes(schema!);
}

function reasonFor(node: Node, { missing }: Visible): string {
  const name = nameOf(node);
  const problem = missing.get(name.toLowerCase()) ?? missing.get(name.toLowerCase().split('.')[0]!);
  return problem === undefined ? `there is no table ${name} here` : `the source of ${name} cannot be had: ${problem}`;
}

function nameOf(node: Node): string {
  return [node['catalog_name'], node['schema_name'], node['table_name']].filter((part) => part !== '' && part !== undefined).join('.');
}

/** Names given by WITH. One that could also be read as a file is none, wherever it is used. */
function namesOfWith(value: unknown, visible: Visible): string[] {
  const isFree = (name: string) => PLAIN_NAME.test(name) && !visible.hidden.has(name);
  if (Array.isArray(value)) return value.flatMap((each) => namesOfWith(each, visible));
  if (typeof value !== 'object' || value === null) return [];
  const node = value as Node;
  const { map } = (node['cte_map'] ?? {}) as { map?: { key: string }[] };
  const own = (map ?? []).map(({ key }) => key.toLowerCase()).filter(isFree);
  const recursive = node['type'] === 'RECURSIVE_CTE_NODE' ? [String(node['cte_name']).toLowerCase()].filter(isFree) : [];
  return [...own, ...recursive, ...Object.values(node).flatMap((each) => namesOfWith(each, visible))];
}
