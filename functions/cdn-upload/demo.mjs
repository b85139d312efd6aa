/** A file is uploaded at one node, moves, and is downloaded where it was. */
import { randomBytes } from 'node:crypto';
import { demo, expect, say } from '../demo.mjs';

await demo(async (domain) => {
  const [leaf] = domain.leaves;
  const session = domain.fresh('file');
  const content = randomBytes(1_000_000);
  const headers = { 'content-type': 'image/png' };
  const { status, body } = await domain.call(leaf, 'cdn-upload', { method: 'POST', session, headers, body: content });
  expect('uploaded', [status, body], [201, { bytes: content.length }]);
  await domain.offload(leaf, session);
  const download = await domain.call(leaf, 'cdn-download', { session });
  say(`downloaded from ${download.node}, asked at ${leaf.name}: ${download.bytes.length} bytes of ${download.headers.get('content-type')}`);
  expect('the same bytes', download.bytes.equals(content), true);
});
