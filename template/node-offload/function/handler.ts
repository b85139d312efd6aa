/** Counts how often a session has called. Replace it by what your function does. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

export default class Handler extends Offloadable {
  async handleOffload(_request: HandlerRequest, { edgeDB, session }: HandlerContext): Promise<unknown> {
    const visits = Number(await edgeDB.get('visits') ?? 0) + 1;
    await edgeDB.set('visits', String(visits));
    return { session: session.id, visits };
  }
}
