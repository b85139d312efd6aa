/** A user's searches: POST ?q=TERM searches and remembers it for an hour, GET tells the history. Each term is propagated to the analytics. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const ANALYTICS = 'search-analytics';
const HISTORY = 'history';
const MOST_REMEMBERED = 100;
/** Somebody who has not searched for so long starts afresh. */
const FORGOTTEN_AFTER_S = 3_600;
const MOST_CHARS = 200;

export default class Search extends Offloadable {
  constructor(private readonly now: () => number = () => Date.now()) {
    super();
  }

  async handleOffload(request: HandlerRequest, context: HandlerContext): Promise<unknown> {
    const { edgeDB, env } = context;
    if (request.method === 'GET') return { history: await edgeDB.getList(HISTORY) };
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'GET, POST' } };
    const term = request.query.get('q')?.trim().toLowerCase().slice(0, MOST_CHARS);
    if (!term) return { status: 400, body: { message: 'Say what to search for: ?q=bicycle' } };
    const history = [...await edgeDB.getList(HISTORY), term];
    if (history.length > MOST_REMEMBERED) await edgeDB.setList(HISTORY, history.slice(-MOST_REMEMBERED));
    else await edgeDB.addToList(HISTORY, term);
    await edgeDB.expire(FORGOTTEN_AFTER_S);
    // The time goes along: the effect may arrive later, and counts for when the search was.
    if (env.ANALYTICS_LEVEL) context.propagate({ term, atMs: this.now() }, env.ANALYTICS_LEVEL, ANALYTICS);
    return { term, results: [], searched: history.length };
  }
}
