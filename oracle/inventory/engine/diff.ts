/** The query that finds what two states have in common and what not. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import { keyOf, VALUE_COLUMNS } from './columns.js';
import { quoted } from './quote.js';

/** When something was noted, and by whom, makes no difference; neither does a change that was taken back. */
const NOT_COMPARED = new Set(['modified_at']);

/** `from` and `to` are sources as a FROM clause has them. Rows: id, kind, before and after as JSON. */
export function diffSql(object: ObjectName, from: string, to: string, what: 'counts' | 'rows'): string {
  const key = quoted(keyOf(object));
  const compared = VALUE_COLUMNS[object].filter(({ name }) => !NOT_COMPARED.has(name)).map(({ name }) => quoted(name));
  const state = (side: string) => `json_object(${VALUE_COLUMNS[object].map(({ name }) => `'${name}', ${side}.${quoted(name)}`).join(', ')})::VARCHAR`;
  const both = `FROM ${from} AS old FULL OUTER JOIN ${to} AS new ON old.${key} = new.${key}
    WHERE old.${key} IS NULL OR new.${key} IS NULL OR (old.seq <> new.seq AND (${compared.map((name) => `old.${name} IS DISTINCT FROM new.${name}`).join(' OR ')}))`;
  const kind = `CASE WHEN old.${key} IS NULL THEN 'added' WHEN new.${key} IS NULL THEN 'removed' ELSE 'changed' END`;
  if (what === 'counts') return `SELECT ${kind} AS kind, count(*) ${both} GROUP BY 1`;
  return `SELECT coalesce(new.${key}, old.${key}) AS id, ${kind} AS kind,
    CASE WHEN old.${key} IS NULL THEN NULL ELSE ${state('old')} END AS before, CASE WHEN new.${key} IS NULL THEN NULL ELSE ${state('new')} END AS after ${both} ORDER BY id`;
}
