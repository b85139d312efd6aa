import { expect } from 'chai';
import { Http } from '../../bench/harness/http.js';
import { Random } from '../../bench/harness/random.js';
import { Tree } from '../../bench/harness/tree.js';
import { CART } from '../stress/run.js';
import { killInRequest, type Victim } from './in-request.js';
import { killAt, killSometime, PLANS, ROLES, STEPS, type Scene } from './steps.js';

const LIMIT_MS = 900_000;

for (const store of ['embedded', 'redis']) {
  describe(`a process killed, on ${store} stores`, function killings() {
    this.timeout(LIMIT_MS);
    let scene: Scene;

    before(async () => {
      const env = { ALLOW_CRASH: 'yes', STEP_BY_STEP: 'yes' };
      const tree = new Tree({ plans: PLANS, store, storeFsync: 'no', functions: [{ ...CART, annotations: { worker: 'process' } }], env });
      await tree.start();
      scene = { tree, http: new Http(), random: new Random(4), count: 0 };
    });

    after(async () => {
      scene?.http.close();
      await scene?.tree.stop();
    });

    // Each step with one role here; `npm run crash` takes all of them, many times.
    for (const [at, step] of STEPS.entries()) {
      const role = ROLES[(at + (store === 'redis' ? 1 : 0)) % ROLES.length]!;
      it(`leaves the session usable and nothing lost when the ${role} is killed at '${step}'`, async () => {
        expect(await killAt(scene, { step, role, withStore: at % 2 === 1 })).to.deep.equal([]);
      });
    }

    for (const role of ['source', 'target'] as const) {
      it(`leaves the session usable and nothing lost when the ${role} is killed at any moment of a move`, async () => {
        expect(await killSometime(scene, role, role === 'target')).to.deep.equal([]);
      });
    }

    const victims: Victim[] = store === 'redis' ? ['worker', 'node', 'store'] : ['worker', 'node'];
    for (const victim of victims) {
      it(`takes every request once when a ${victim} is killed in the middle of it`, async () => {
        expect(await killInRequest(scene, victim)).to.deep.equal([]);
      });
    }
  });
}
