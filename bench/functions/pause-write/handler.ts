/** Counts, and writes 4 KB with each count. `?fill=N&key=K` writes a value of N bytes; `?whole=N` makes the session's one value anew. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const DELTA_BYTES = 4 * 1024;

export default class PauseWrite extends Offloadable {
  async handleOffload({ query }: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    const fill = Number(query.get('fill') ?? 0);
    if (fill > 0) await edgeDB.set(query.get('key')!, 'x'.repeat(fill));
    const whole = Number(query.get('whole') ?? 0);
    if (whole > 0) await edgeDB.set('whole', 'y'.repeat(whole));
    const n = Number(((await edgeDB.get('n')) ?? '0').slice(0, 12)) + 1;
    await edgeDB.set('n', String(n).padStart(12, '0').padEnd(whole > 0 || fill > 0 ? 12 : DELTA_BYTES, '.'));
    return { n };
  }
}
