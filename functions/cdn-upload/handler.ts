/** Stores the body in the session, for cdn-download to answer. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

export default class CdnUpload extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    if (request.method !== 'POST' && request.method !== 'PUT') return { status: 405, headers: { allow: 'POST, PUT' } };
    const type = request.headers['content-type'];
    await edgeDB.set('content', request.body);
    await edgeDB.set('content-type', typeof type === 'string' ? type : 'application/octet-stream');
    return { status: 201, body: { bytes: request.body.length } };
  }
}
