/** Answers what cdn-upload stored in the same session. */
import { ReadOnlyOffloadable, type HandlerRequest, type ReadOnlyContext } from 'xylem';

export default class CdnDownload extends ReadOnlyOffloadable {
  async handleOffload(_request: HandlerRequest, { edgeDB }: ReadOnlyContext): Promise<unknown> {
    const content = await edgeDB.get<Buffer>('content');
    if (content === undefined) return { status: 404, body: { message: 'Nothing was uploaded in this session' } };
    const type = await edgeDB.get('content-type') ?? 'application/octet-stream';
    return { status: 200, headers: { 'content-type': type }, body: content };
  }
}
