import { expect } from 'chai';
import { testContext, testRequest } from 'xylem';
import CdnDownload from './handler.js';

describe('cdn-download', () => {
  const download = new CdnDownload();

  it('answers the bytes and the type that were stored, without writing', async () => {
    const context = testContext({ data: { content: Buffer.from([1, 0]), 'content-type': 'image/png' }, readOnly: true });
    expect(await download.handleOffload(testRequest(), context)).to.deep.equal({
      status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from([1, 0]),
    });
  });

  it('answers 404 in a session without an upload', async () => {
    expect(await download.handleOffload(testRequest(), testContext({ readOnly: true }))).to.include({ status: 404 });
  });
});
