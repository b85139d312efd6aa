/** A session that grows: POST appends the body (or ?bytes=N of filler), GET tells how much there is, GET ?content=true all of it. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const ENTRIES = 'entries';
const MOST_FILLER = 1_000_000;

export default class StatefulAppend extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    const { method, query } = request;
    if (method === 'GET') {
      const entries = await edgeDB.getList(ENTRIES);
      return query.get('content') === 'true' ? entries.join('\n') : sizeOf(entries);
    }
    if (method !== 'POST') return { status: 405, headers: { allow: 'GET, POST' } };
    const bytes = Number(query.get('bytes') ?? 0);
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > MOST_FILLER) return { status: 400, body: { message: `bytes is 0 to ${MOST_FILLER}` } };
    const entry = bytes > 0 ? 'x'.repeat(bytes) : request.text();
    // Nothing is read: appending costs the same however much is there.
    await edgeDB.addToList(ENTRIES, entry);
    return { appended: Buffer.byteLength(entry) };
  }
}

function sizeOf(entries: string[]): { entries: number; bytes: number } {
  return { entries: entries.length, bytes: entries.reduce((sum, entry) => sum + Buffer.byteLength(entry), 0) };
}
