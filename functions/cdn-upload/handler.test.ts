import { expect } from 'chai';
import { testContext, testRequest } from 'xylem';
import { testDomain } from 'xylem/testing';
import CdnDownload from '../cdn-download/handler.js';
import CdnUpload from './handler.js';

describe('cdn-upload', () => {
  const upload = new CdnUpload();

  it('stores bytes and their type for cdn-download', async () => {
    const context = testContext();
    const content = Buffer.alloc(5_000_000, Buffer.from([0, 255, 16]));
    const request = testRequest({ method: 'POST', body: content, headers: { 'content-type': 'image/png' } });
    expect(await upload.handleOffload(request, context)).to.deep.equal({ status: 201, body: { bytes: 5_000_000 } });
    const answer = await new CdnDownload().handleOffload(testRequest(), context) as { headers: object; body: Buffer };
    expect(answer.headers).to.deep.equal({ 'content-type': 'image/png' });
    expect(answer.body.equals(content)).to.equal(true);
  });

  it('is downloaded from the node that the file has moved to', async () => {
    const domain = testDomain({ up: CdnUpload, down: CdnDownload });
    await domain.call('up', { session: 'f', method: 'POST', body: Buffer.from([0, 255, 16]), headers: { 'content-type': 'image/png' } });
    await domain.move('f', 'cloud');
    const answer = await domain.call('down', { session: 'f' });
    expect([answer.node, answer.headers['content-type'], [...answer.body]]).to.deep.equal(['cloud', 'image/png', [0, 255, 16]]);
    domain.close();
  });

  it('replaces what was there', async () => {
    const context = testContext({ data: { content: Buffer.from('old') } });
    await upload.handleOffload(testRequest({ method: 'PUT', body: 'new' }), context);
    expect(await context.edgeDB.get('content')).to.deep.equal(Buffer.from('new'));
  });

  it('takes nothing but POST and PUT', async () => {
    expect(await upload.handleOffload(testRequest(), testContext())).to.include({ status: 405 });
  });
});
