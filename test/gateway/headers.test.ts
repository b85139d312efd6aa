import { expect } from 'chai';
import fc from 'fast-check';
import { packCall, unpackCall } from '../../runtime/handler/process/messages.js';
import { Packer, Unpacker } from '../../runtime/handler/process/packing.js';
import type { FunctionRequest, WorkerCall } from '../../runtime/session/call.js';
import { respond, sendRaw, startNode, type TestNode } from './support.js';

/** The request as a worker process has it. */
function inProcess(call: WorkerCall): FunctionRequest {
  const packer = new Packer().begin(1, 1);
  packCall(packer, call);
  packer.end();
  const frame = Buffer.concat(packer.take());
  return unpackCall(new Unpacker(frame).over(9, frame.length)).request;
}

const NAMES = [
  'Accept', 'accept', 'ACCEPT', 'Cookie', 'Set-Cookie', 'Content-Type', 'Authorization', 'User-Agent', 'Referer', 'ETag', 'Expires', 'Age', 'From',
  'If-Modified-Since', 'If-Unmodified-Since', 'Last-Modified', 'Location', 'Max-Forwards', 'Proxy-Authorization', 'Retry-After', 'Server',
  'X-Forwarded-For', 'X-Call-Id', 'X-Anything', 'x-anything', 'Vary', '__proto__', 'constructor', 'toString',
];
const LETTERS = fc.string({ unit: fc.constantFrom(...'aZ09 ,;="/\\%', '\t', '\xe4', '\xff'), maxLength: 12 }).map((text) => text.trim());

describe('The headers of a request', () => {
  let node: TestNode;
  before(async () => { node = await startNode(); });
  after(() => node.close());

  it('are the same to a function in a process, which reads them itself, as to one in the node', async () => {
    const seen: [FunctionRequest, FunctionRequest][] = [];
    await node.serve('f', (call) => {
      const there = inProcess(call);
      const { method, path, query, headers } = there;
      const here = call.request;
      seen.push([{ method, path, query, headers, body: there.body }, { method: here.method, path: here.path, query: here.query, headers: here.headers, body: here.body }]);
      return respond('ok');
    });
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...NAMES), LETTERS), { maxLength: 12 }), LETTERS, async (lines, word) => {
      const target = `/function/f/a%20b/${encodeURIComponent(word)}?q=${encodeURIComponent(word)}&session-hops=1`;
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const answer = await sendRaw(node.url, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n`);
      expect(answer).to.match(/^HTTP\/1\.1 200 /);
      const [there, here] = seen.pop()!;
      expect(there).to.deep.equal(here);
      expect(Object.keys(there.headers)).to.deep.equal(Object.keys(here.headers));
    }), { numRuns: 150 });
  });
});
