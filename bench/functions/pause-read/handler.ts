/** Reads what pause-write counts. */
import { ReadOnlyOffloadable, type HandlerRequest, type ReadOnlyContext } from 'xylem';

export default class PauseRead extends ReadOnlyOffloadable {
  async handleOffload(_: HandlerRequest, { edgeDB }: ReadOnlyContext): Promise<unknown> {
    return { n: Number(((await edgeDB.get('n')) ?? '0').slice(0, 12)) };
  }
}
