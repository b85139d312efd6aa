import { expect } from 'chai';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { readUpTo } from '../../runtime/base/bounded-body.js';

describe('a body that is read up to a limit', () => {
  const make = () => Object.assign(new PassThrough(), { headers: {} });
  const read = (request: PassThrough, limit: number) => readUpTo(request as unknown as IncomingMessage, limit);

  it('is whole when it is just as long', async () => {
    const request = make();
    const body = read(request, 4);
    request.write('ab');
    request.end('cd');
    expect(String(await body)).to.equal('abcd');
  });

  it('is refused once when it goes on beyond it, and its rest flows away unseen', async () => {
    const request = make();
    const refused = read(request, 4).catch((error: { code: string }) => error.code);
    request.write('abcde');
    expect(await refused).to.equal('BODY_TOO_LARGE');
    expect(request.listenerCount('data')).to.equal(0);
    const ended = once(request, 'end');
    for (let chunk = 0; chunk < 100; chunk += 1) request.write(Buffer.alloc(1_000));
    request.end();
    await ended;
    expect(request.readableLength).to.equal(0);
  });
});
