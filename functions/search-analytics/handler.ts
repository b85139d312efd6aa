/**
 * What people below this node have searched for in the last minutes. A search is propagated here as `{term, atMs}` and goes
 * into the list of its minute; lists that are too old are dropped. GET ?minutes=10&top=5 tells the commonest terms.
 */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const MINUTE = 'minute/';
const MINUTE_MS = 60_000;
const KEPT_MINUTES = 60;
const DEFAULT_MINUTES = 10;
const DEFAULT_TOP = 10;

export default class SearchAnalytics extends Offloadable {
  constructor(private readonly now: () => number = () => Date.now()) {
    super();
  }

  async handleOffload(request: HandlerRequest, context: HandlerContext): Promise<unknown> {
    if (request.method === 'POST') return this.take(request.text(), context);
    if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET, POST' } };
    const minutes = wholeNumber(request.query.get('minutes'), DEFAULT_MINUTES, KEPT_MINUTES);
    const top = wholeNumber(request.query.get('top'), DEFAULT_TOP, 100);
    if (minutes === undefined || top === undefined) return { status: 400, body: { message: `minutes is 1 to ${KEPT_MINUTES}, top is 1 to 100` } };
    return this.tell(minutes, top, context);
  }

  private async take(text: string, { edgeDB }: HandlerContext): Promise<unknown> {
    const search = searchOf(text);
    if (!search) return { status: 400, body: { message: 'The body is {"term": "…", "atMs": milliseconds since 1970}' } };
    const oldest = this.minute(this.now()) - KEPT_MINUTES;
    for (const key of await edgeDB.keys()) if (minuteOf(key) <= oldest) await edgeDB.delete(key);
    const minute = this.minute(search.atMs);
    if (minute > oldest) await edgeDB.addToList(`${MINUTE}${minute}`, search.term);
    // Where nobody searches any more nothing has to be kept.
    await edgeDB.expire(KEPT_MINUTES * 60);
    return undefined;
  }

  /** The present minute counts as one of them. */
  private async tell(minutes: number, top: number, { edgeDB }: HandlerContext): Promise<unknown> {
    const now = this.minute(this.now());
    const counts = new Map<string, number>();
    let searches = 0;
    for (let minute = now; minute > now - minutes; minute -= 1) {
      for (const term of await edgeDB.getList(`${MINUTE}${minute}`)) {
        counts.set(term, (counts.get(term) ?? 0) + 1);
        searches += 1;
      }
    }
    const terms = [...counts].map(([term, count]) => ({ term, count })).sort((a, b) => b.count - a.count || (a.term < b.term ? -1 : 1));
    return { minutes, searches, terms: terms.slice(0, top) };
  }

  private minute(atMs: number): number {
    return Math.floor(atMs / MINUTE_MS);
  }
}

function minuteOf(key: string): number {
  return Number(key.slice(MINUTE.length));
}

function wholeNumber(text: string | null, otherwise: number, most: number): number | undefined {
  const value = text === null ? otherwise : Number(text);
  return Number.isInteger(value) && value >= 1 && value <= most ? value : undefined;
}

function searchOf(text: string): { term: string; atMs: number } | undefined {
  try {
    const { term, atMs } = JSON.parse(text) as { term?: unknown; atMs?: unknown };
    return typeof term === 'string' && term !== '' && Number.isSafeInteger(atMs) ? { term, atMs: atMs as number } : undefined;
  } catch {
    return undefined;
  }
}
