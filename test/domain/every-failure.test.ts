import { expect } from 'chai';
import { Fault } from '../../runtime/model/faults.js';
import { defaultTree, World, type Luck } from './world.js';

/** One call among all calls of a scenario goes wrong: the n-th of the stores, or the n-th between nodes. */
interface Failure {
  of: 'store' | 'network';
  at: number;
  luck: Luck;
}

interface Outcome {
  calls: number;
  problems: string[];
}

type Act = (world: World, write: (at: string, item: string) => Promise<void>, order: (work: () => Promise<unknown>) => Promise<void>) => Promise<void>;

const onload = (world: World, at: string) => () => world.command(at, 'force-onload', 'session=s');
const offload = (world: World, at: string) => () => world.command(at, 'force-offload', 'session=s');

const SCENARIOS: Record<string, Act> = {
  'a session that climbs twice and comes home': async (world, write, order) => {
    await write('milan-001', 'a');
    await order(offload(world, 'milan-001'));
    await write('milan-001', 'b');
    await order(offload(world, 'milan'));
    await write('turin-001', 'c');
    await order(onload(world, 'milan-001'));
    await write('milan-001', 'd');
  },
  'a session that gets a new home': async (world, write, order) => {
    await write('milan-001', 'a');
    await order(offload(world, 'milan-001'));
    await order(() => world.node('cloud').offload.migrate('s', 'turin-001', true));
    await write('milan-001', 'b');
    await order(offload(world, 'turin-001'));
    await write('milan-002', 'c');
  },
  'a session born on a rejecting node': async (world, write, order) => {
    await world.command('milan-001', 'set-offload-status', 'status=reject');
    await write('milan-001', 'a');
    await order(onload(world, 'milan-001'));
    await write('milan-001', 'b');
  },
  'writes while a session moves': async (world, write, order) => {
    await write('milan-001', 'a');
    await Promise.all([order(offload(world, 'milan-001')), write('milan-001', 'b'), write('milan', 'c'), write('cloud', 'd')]);
  },
};

/** A client that follows redirects and tries again with the same request id until it is told that the item is in. */
async function persist(world: World, at: string, item: string, acknowledged: string[], problems: string[]): Promise<void> {
  const requestId = world.uuid();
  for (let tries = 0; tries < 60; tries += 1) {
    try {
      const { redirects } = await world.add(at, 's', item, requestId);
      if (redirects > 4) problems.push(`${redirects} redirects in a row`);
      acknowledged.push(item);
      return;
    } catch (error) {
      if (!(error instanceof Fault) || !error.retryable) problems.push(`a client saw ${error instanceof Fault ? error.code : (error as Error).stack}`);
    }
    await new Promise<void>((resolve) => void world.clock.setTimeout(resolve, 200));
  }
  problems.push(`${item} was never acknowledged`);
}

async function play(act: Act, failure?: Failure): Promise<Outcome> {
  const world = new World(defaultTree());
  const [acknowledged, problems]: [string[], string[]] = [[], []];
  const calls = { store: 0, network: 0 };
  const luckOf = (of: 'store' | 'network'): Luck => {
    calls[of] += 1;
    return failure?.of === of && failure.at === calls[of] ? failure.luck : 'fine';
  };
  world.storeWeather = () => luckOf('store');
  world.weather = () => luckOf('network');
  const write = (at: string, item: string) => persist(world, at, item, acknowledged, problems);
  const order = (work: () => Promise<unknown>) => work().then(() => undefined, (error: unknown) => {
    if (!(error instanceof Fault)) problems.push(`an order failed with ${(error as Error).stack}`);
  });
  await world.during(act(world, write, order), 20_000);
  const total = calls[failure?.of ?? 'store'];
  world.storeWeather = () => 'fine';
  world.weather = () => 'fine';
  await world.sweep();
  await world.sweep();
  await world.during(check(world, acknowledged, problems));
  return { calls: total, problems };
}

async function check(world: World, acknowledged: string[], problems: string[]): Promise<void> {
  for (const name of world.nodes.keys()) {
    const { items, redirects } = await world.add(name, 's', '');
    if ([...items].sort().join() !== [...acknowledged].sort().join()) problems.push(`${name} sees ${items.join()}, acknowledged were ${acknowledged.join()}`);
    if (redirects > 2) problems.push(`${redirects} redirects from ${name} once it is quiet`);
    for (const session of await world.node(name).store.unfinished()) problems.push(`${session} is unfinished at ${name}`);
  }
  const holders = await Promise.all([...world.nodes.keys()].map((name) => world.slotAt(name, 's')));
  if (holders.filter((slot) => slot?.state === 'resident').length !== 1) problems.push('not exactly one node holds it');
}

for (const [title, act] of Object.entries(SCENARIOS)) {
  describe(title, () => {
    for (const of of ['store', 'network'] as const) {
      for (const luck of of === 'store' ? ['lost', 'answer-lost'] as const : ['lost', 'answer-lost', 'late', 'twice'] as const) {
        it(`bears any one call of the ${of} that is ${luck}`, async () => {
          const { calls, problems } = await play(act, { of, at: 0, luck });
          expect(problems, 'without a failure').to.deep.equal([]);
          expect(calls).to.be.greaterThan(3);
          const broken: string[] = [];
          for (let at = 1; at <= calls; at += 1) {
            const outcome = await play(act, { of, at, luck });
            broken.push(...outcome.problems.map((problem) => `call ${at}: ${problem}`));
          }
          expect(broken).to.deep.equal([]);
        });
      }
    }
  });
}
