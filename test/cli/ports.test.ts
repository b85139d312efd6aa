import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { CliFailure } from '../../cli/failure.js';
import { assertFree, freePorts } from '../../cli/up/ports.js';

const HOST = '127.0.0.1';

describe('free ports for a domain', () => {
  it('are none that the system gives to whoever asks for any, none that somebody has, and none twice', async () => {
    const numbers: number[] = [];
    const [taken] = await freePorts(HOST, 1, () => numbers[numbers.push(Math.random()) - 1]!);
    const server = createServer().listen(taken, HOST);
    await once(server, 'listening');
    const again = [numbers.at(-1)!, 0.25, 0.25];
    const ports = await freePorts(HOST, 2, () => again.shift() ?? Math.random());
    server.close();
    await once(server, 'close');
    expect(new Set(ports).size).to.equal(2);
    expect(ports).to.not.include(taken);
    for (const port of ports) expect(port).to.be.within(20_000, 29_999);
    await assertFree(HOST, ports.map((port) => ({ port, what: 'a node' })));
  });

  it('are looked for no longer than it makes sense', async () => {
    expect(await freePorts(HOST, 2, () => 0.5).catch((error: unknown) => error)).to.be.instanceOf(CliFailure).with.property('message').that.includes('--base-port');
  });
});
