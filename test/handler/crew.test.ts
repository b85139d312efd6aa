import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type Clock, systemClock } from '../../runtime/base/clock.js';
import { Crew } from '../../runtime/handler/container/crew.js';
import type { ContainerConfig, Engine } from '../../runtime/handler/container/engine.js';
import { functionLogTo } from '../../runtime/handler/log.js';
import { RESTART_FIRST_MS } from '../../runtime/model/limits.js';
import { call, faultOf, Lines, textOf } from './support.js';

/** An engine whose containers are servers of this process, in the machine's own network. */
class FakeEngine {
  readonly running = new Map<string, { server: Server; end(code: number): void; ended: Promise<number> }>();
  readonly removed: string[] = [];
  /** What the next ones print. */
  prints: Buffer[] = [];

  constructor(private readonly serve: RequestListener = (_, response) => void response.end('served')) {}

  async create(name: string, { Env }: ContainerConfig): Promise<string> {
    const server = createServer(this.serve);
    let resolve: (code: number) => void = () => undefined;
    const ended = new Promise<number>((settle) => { resolve = settle; });
    const port = Number(Env.find((one) => one.startsWith('port='))!.slice('port='.length));
    const end = (code: number) => {
      server.closeAllConnections();
      server.close();
      resolve(code);
    };
    this.running.set(name, { server, end, ended });
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return name;
  }

  async start(): Promise<void> {}

  async inspect(): Promise<undefined> {
    return undefined;
  }

  async terminate(id: string): Promise<void> {
    this.running.get(id)?.end(143);
  }

  async remove(id: string): Promise<void> {
    this.running.get(id)?.end(137);
    this.running.delete(id);
    this.removed.push(id);
  }

  ended(id: string): Promise<number> {
    return this.running.get(id)!.ended;
  }

  async* logs(): AsyncGenerator<{ stream: number; bytes: Buffer }> {
    for (const bytes of this.prints) yield { stream: 2, bytes };
  }
}

describe('The containers of a function', () => {
  let lines: Lines;
  let pauses: number[];
  let crew: Crew;

  const make = (engine: FakeEngine, healthPath = '/_/health') => {
    lines = new Lines();
    pauses = [];
    // Its time stands still: each dies as soon as it was ready.
    const clock: Clock = {
      now: () => 1_000,
      setTimeout: (task, ms) => {
        pauses.push(ms);
        return systemClock.setTimeout(task, ms);
      },
      clearTimeout: (timer) => systemClock.clearTimeout(timer),
    };
    let last = 0;
    const config = { Image: 'x', Env: [], Labels: {}, HostConfig: { NetworkMode: 'host', PidsLimit: 1, ReadonlyRootfs: false, Binds: [], SecurityOpt: [] } };
    crew = new Crew({
      service: 'f', engine: engine as unknown as Engine, config, healthPath, prefix: 'f', clock, log: functionLogTo(lines.log),
      uuid: () => `${last += 1}`, closed: () => undefined,
    });
    return crew;
  };
  afterEach(() => crew.abandon());

  it('start again after longer and longer pauses when they keep ending, also when calls ask for one', async () => {
    const engine = new FakeEngine();
    await make(engine).scale(1);
    for (let deaths = 1; deaths <= 4; deaths += 1) {
      const [id, one] = [...engine.running][0]!;
      one.end(4);
      while (!engine.removed.includes(id)) await new Promise((resolve) => setImmediate(resolve));
      expect(await textOf((await crew.run(call())).response)).to.equal('served');
    }
    expect(pauses.filter((ms) => [1, 2, 4].map((factor) => factor * RESTART_FIRST_MS).includes(ms)))
      .to.deep.equal([RESTART_FIRST_MS, 2 * RESTART_FIRST_MS, 4 * RESTART_FIRST_MS]);
    expect(await lines.having('A container ended')).to.deep.include({ details: { reason: 'it ended with code 4' } });
  });

  it('have their output cut into lines, however it comes, and lines that never end cut as well', async () => {
    const engine = new FakeEngine();
    const [first, second] = [Buffer.from('gr\u00fc\u00dfe\nlast').subarray(0, 3), Buffer.from('gr\u00fc\u00dfe\nlast').subarray(3)];
    engine.prints = [first, second, ...Array.from({ length: 64 }, () => Buffer.alloc(16 * 1024, 'x'))];
    await make(engine).scale(1);
    await lines.having('grüße');
    const { message } = await lines.having('lastxx');
    expect(message.length).to.be.below(20_000);
  });

  it('are asked for their health at their own address, wherever the path of the annotation or a redirect would lead', async () => {
    let asked = 0;
    const elsewhere = createServer((_, response) => {
      asked += 1;
      response.end();
    });
    await once(elsewhere.listen(0, '127.0.0.1'), 'listening');
    const { port } = elsewhere.address() as { port: number };
    const engine = new FakeEngine((_, response) => void response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end());
    await make(engine, `@127.0.0.1:${port}/`).scale(1);
    expect([crew.replicas, asked]).to.deep.equal([{ wanted: 1, available: 1 }, 0]);
    elsewhere.close();
  });

  it('answer 502 for a call that a container breaks off, and serve the next', async () => {
    const engine = new FakeEngine(({ url, socket }, response) => void (url === '/breaks' ? socket.destroy() : response.end('served')));
    await make(engine).scale(1);
    const { request } = call();
    expect(await faultOf(crew.run(call({ request: { ...request, path: '/breaks' } })))).to.include({ code: 'UPSTREAM_UNREACHABLE' });
    expect(await textOf((await crew.run(call())).response)).to.equal('served');
  });

  it('are not taken for ready when they end while they say that they are well', async () => {
    let die: (code: number) => void = () => undefined;
    const death = new Promise<number>((resolve) => { die = resolve; });
    let isSeen: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => { isSeen = resolve; });
    class Dying extends FakeEngine {
      override ended(): Promise<number> {
        return death;
      }

      override async inspect(): Promise<undefined> {
        isSeen();
      }
    }
    const engine = new Dying((_, response) => {
      die(7);
      void seen.then(() => setImmediate(() => response.end()));
    });
    expect(await faultOf(make(engine).scale(1))).to.include({ code: 'DEPLOY_FAILED' }).and.to.have.nested.property('details.reason').that.matches(/ended with code 7/);
    expect(crew.replicas.available).to.equal(0);
  });
});
