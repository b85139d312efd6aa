import { expect } from 'chai';
import { Fault } from '../../runtime/model/faults.js';
import { decodeStream, encodeStream } from '../../runtime/offload/stream.js';
import { defaultTree, listWorker, World } from '../domain/world.js';

const WRONG = [undefined, null, 5, 'text', [], {}, true, { session: 5 }, { session: '' }, { session: 'x'.repeat(300) }];
const SPOILT = [null, 5, '', 'nonsense', -1, 1.5, Number.NaN, [], {}, true];
const RIGHT: Record<string, Record<string, unknown>> = {
  '/peer/claim': { session: 's', function: 'list', home: 'milan-001', epoch: 0, incarnation: 'i', write: true },
  '/peer/ask': { session: 's', epoch: 1, incarnation: 'i' },
  '/peer/gone': { session: 's', epoch: 1, incarnation: 'i' },
  '/peer/record': { session: 's' },
  '/peer/take': { session: 's', from: 'milan-001', rehome: false },
};
const TOKEN = { session: 's', function: 'list', proprietaryLocation: 'milan-001', currentLocation: 'milan-001', epoch: 1, version: 1, incarnation: 'i', functions: ['list'] };
const COMMANDS: Record<string, object> = {
  'set-offload-status': { status: 'reject' },
  'offload-session': TOKEN,
  'update-session': TOKEN,
  'onload-session': { session: 's', asker: 'milan-001', choose: 'idle', functions: ['list'] },
  'migrate-session': { step: 'depart', attempt: 'a', epoch: 1, incarnation: 'i', to: 'milan' },
};

/** Every body with one field spoilt, and bodies of another kind altogether. */
function* variants(right: object): Generator<unknown> {
  yield* WRONG;
  for (const name of Object.keys(right)) for (const value of SPOILT) yield { ...right, [name]: value };
}

describe('bodies of other types than expected', () => {
  for (const [path, right] of Object.entries(RIGHT)) {
    it(`${path} refuses with a fault, and changes nothing`, async () => {
      for (const body of variants(right)) {
        const world = new World(defaultTree());
        await world.add('milan-001', 's', 'a');
        await world.during(world.node('milan').peerCalls[path]!(body, new URLSearchParams()).catch((error: unknown) => {
          expect(error, JSON.stringify(body)).to.be.instanceOf(Fault);
        }));
        const { epoch } = (await world.slotAt('milan', 's'))!;
        expect(Number.isSafeInteger(epoch), JSON.stringify(body)).to.equal(true);
        expect((await world.add('milan-001', 's', '')).items).to.deep.equal(['a']);
      }
    });
  }

  for (const [name, right] of Object.entries(COMMANDS)) {
    it(`${name} refuses with a fault`, async () => {
      for (const body of variants(right)) {
        const world = new World(defaultTree());
        await world.add('milan-001', 's', 'a');
        const run = async () => world.command('milan', name, name === 'migrate-session' ? 'session=s' : '', body);
        await world.during(run().catch((error: unknown) => {
          expect(error, `${JSON.stringify(body)} gave ${(error as Error).stack}`).to.be.instanceOf(Fault);
        }));
      }
    });
  }
});

describe('a plain token of the seed', () => {
  it('is old news where the session is known, and no conflict', async () => {
    const world = new World(defaultTree());
    await world.add('milan-001', 's', 'a');
    const { session, function: name, proprietaryLocation } = TOKEN;
    const answer = await world.command('milan-001', 'update-session', '', { session, function: name, proprietaryLocation, currentLocation: 'milan' });
    expect(answer.json).to.include({ kind: 'learned', changed: false });
    expect(world.node('milan-001').offload.conflicts.list()).to.deep.equal([]);
  });
});

describe('a node without a function of the session', () => {
  it('is not given the session when it asks for one', async () => {
    const world = new World(defaultTree());
    await world.add('milan-001', 's', 'a');
    await world.during(world.command('milan-001', 'force-offload', 'session=s'));
    const offered = (functions: string[]) => world.command('milan', 'onload-session', 'asker=milan-001', { functions });
    expect((await offered(['other'])).json).to.deep.equal([]);
    expect((await offered(['other', 'list'])).json).to.have.length(1);
  });
});

describe('a value in a list', () => {
  it('is held to the limit of every value, so that the session can still be moved', async () => {
    const world = new World(defaultTree());
    const big = {
      ...listWorker('offloadable'),
      run: async () => ({
        response: { status: 200, headers: {}, body: Buffer.alloc(0) }, effects: [], telemetry: [],
        writes: [{ op: 'append' as const, key: 'items', values: [Buffer.alloc(9 * 1024 * 1024)] }],
      }),
    };
    expect(await world.invoke('milan-001', 's', '', { worker: big }).catch((error: unknown) => (error as Fault).code)).to.equal('VALUE_TOO_LARGE');
  });
});

describe('a stream that its reader leaves', () => {
  it('is let go at its source', async () => {
    let ended = false;
    async function* source() {
      try {
        for (;;) yield* encodeStream({ kind: 'copying' }, [[{ kind: 'value' as const, key: 'k', value: Buffer.from('v') }], [{ kind: 'deleted' as const, key: 'k' }]]);
      } finally {
        ended = true;
      }
    }
    const { batches } = await decodeStream(source());
    for await (const _ of batches) break;
    expect(ended).to.equal(true);
  });
});
