/** Reads a number, writes the next. `?fill=N` also writes N bytes beside it, 64 KB a key. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const CHUNK_BYTES = 64 * 1024;

export default class Counter extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    const fill = request.query.get('fill');
    if (fill) {
      for (let at = 0, left = Number(fill); left > 0; at += 1, left -= CHUNK_BYTES) {
        await edgeDB.set(`fill-${at}`, 'x'.repeat(Math.min(left, CHUNK_BYTES)));
      }
    }
    const n = Number((await edgeDB.get('n')) ?? 0) + 1;
    await edgeDB.set('n', String(n));
    return { n };
  }
}
