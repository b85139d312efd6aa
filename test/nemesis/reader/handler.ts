/** What the lists and counters of the function beside this one hold, read without a turn. `?kind=` counter | list; the answer is `{output}`. */
import { ReadOnlyOffloadable, type HandlerRequest, type ReadOnlyContext } from 'xylem';

export default class Look extends ReadOnlyOffloadable {
  async handleOffload({ query }: HandlerRequest, { edgeDB }: ReadOnlyContext): Promise<unknown> {
    return { output: query.get('kind') === 'counter' ? Number(await edgeDB.get('count') ?? 0) : await edgeDB.getList('items') };
  }
}
