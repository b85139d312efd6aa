/** SIGTERM on a real node with requests and streams in hand. */
import { expect } from 'chai';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tree } from '../../bench/harness/tree.js';

const SOURCE = `import { existsSync } from 'node:fs';
export default async function* (request, context) {
  context.signal.addEventListener('abort', () => context.logger.info('it was told'));
  yield 'begun';
  while (request.path === '/endless' || !existsSync(context.env.GO)) { yield '.'; await new Promise((resolve) => setTimeout(resolve, 5)); }
  yield 'finished';
}`;

/** Room on a slow machine for what ends by itself; what does not is broken off after it. */
const DRAIN_MS = 10_000;

describe('A node that is told to stop', function () {
  this.timeout(300_000);

  it('takes no more, lets requests in hand end, breaks off what does not end in its time, and exits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drain-'));
    await mkdir(join(folder, 'f'));
    await writeFile(join(folder, 'f', 'handler.js'), SOURCE);
    const code = { folder: join(folder, 'f'), envVars: { GO: join(folder, 'go'), exec_timeout: '0' } };
    const tree = new Tree({
      plans: [{ name: 'cloud', level: 'cloud', drainMs: DRAIN_MS }], store: 'memory', functions: [{ name: 'apart', ...code }, { name: 'inside', ...code, annotations: { worker: 'inline' } }],
    });
    await tree.start();
    try {
      const node = tree.node('cloud');
      const { hostname, port } = new URL(node.url);
      const open = async (path: string) => {
        const socket: Socket = connect(Number(port), hostname).on('error', () => undefined);
        const stream = { text: '', closed: new Promise<void>((resolve) => socket.once('close', () => resolve())) };
        socket.write(`GET /function/${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
        await new Promise<void>((resolve) => socket.on('data', (chunk) => {
          stream.text += String(chunk);
          if (stream.text.includes('begun')) resolve();
        }));
        return stream;
      };
      const finishing = await Promise.all(['apart/finishing', 'inside/finishing'].map(open));
      const endless = await Promise.all(['apart/endless', 'inside/endless'].map(open));
      process.kill(node.pid, 'SIGTERM');
      while (await connects(Number(port), hostname)) await new Promise(setImmediate);
      await writeFile(join(folder, 'go'), '');
      await Promise.all([...finishing, ...endless].map(({ closed }) => closed));
      for (const { text } of finishing) expect(text).to.match(/finished\r\n0\r\n\r\n$/);
      for (const { text } of endless) expect(text).to.match(/\.\r\n$/).and.not.match(/\r\n0\r\n\r\n$/);
      while (node.isRunning) await new Promise(setImmediate);
      // A process of its own may be ended before its last words are out.
      expect(await readFile(join(node.options.folder, 'node.log'), 'utf8')).to.match(/"function":"inside".*it was told/);
    } finally {
      await tree.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

function connects(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
