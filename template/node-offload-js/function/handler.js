/** Counts how often a session has called. Replace it by what your function does. */
import { Offloadable } from 'xylem';

export default class Handler extends Offloadable {
  /**
   * @param {import('xylem').HandlerRequest} _request
   * @param {import('xylem').HandlerContext} context
   */
  async handleOffload(_request, { edgeDB, session }) {
    const visits = Number(await edgeDB.get('visits') ?? 0) + 1;
    await edgeDB.set('visits', String(visits));
    return { session: session.id, visits };
  }
}
