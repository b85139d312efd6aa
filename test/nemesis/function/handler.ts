/**
 * Every kind of session that the checker knows, in one function. `?op=` add | write | cas | append | put | get | remove | keys,
 * without one a read; `?kind=` counter | register | list | map. The answer is `{output}`.
 */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

type EdgeDB = HandlerContext['edgeDB'];

export default class Everything extends Offloadable {
  async handleOffload({ query }: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    return { output: await KINDS[query.get('kind')!]!(edgeDB, query) };
  }
}

const KINDS: Record<string, (edgeDB: EdgeDB, query: URLSearchParams) => Promise<unknown>> = {
  counter: async (edgeDB, query) => {
    const count = Number(await edgeDB.get('count') ?? 0) + Number(query.get('add') ?? 0);
    if (query.has('add')) await edgeDB.set('count', String(count));
    return count;
  },
  register: async (edgeDB, query) => {
    const value = JSON.parse(await edgeDB.get('value') ?? 'null') as unknown;
    const wanted = query.get('write') ?? query.get('put');
    if (wanted === null) return value;
    const isMet = query.has('write') || JSON.stringify(value) === query.get('expect');
    if (isMet) await edgeDB.set('value', wanted);
    return query.has('write') ? JSON.parse(wanted) as unknown : isMet;
  },
  list: async (edgeDB, query) => {
    const item = query.get('append');
    if (item !== null) await edgeDB.addToList('items', item);
    return edgeDB.getList('items');
  },
  map: async (edgeDB, query) => {
    if (query.has('keys')) return (await edgeDB.keys()).map((key) => key.slice(1)).sort();
    const key = `/${query.get('put') ?? query.get('get') ?? query.get('remove')}`;
    const before = await edgeDB.get(key) ?? null;
    if (query.has('put')) await edgeDB.set(key, query.get('value')!);
    if (query.has('remove')) await edgeDB.delete(key);
    return before;
  },
};
