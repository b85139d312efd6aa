/**
 * `npm run crash [-- --times 20 --seed N --store KIND --only STEP]`: every role killed at every step of a
 * move, at random moments of it, and workers, nodes and stores in the middle of requests.
 * Ends with 1, and the evidence, when anything acknowledged is lost or a session stays unusable.
 */
import { parseArgs } from 'node:util';
import { Http } from '../../bench/harness/http.js';
import { Random } from '../../bench/harness/random.js';
import { Tree } from '../../bench/harness/tree.js';
import { CART } from '../stress/run.js';
import { killInRequest } from './in-request.js';
import { killAt, killSometime, PLANS, ROLES, STEPS, type Scene } from './steps.js';

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    store: { type: 'string', default: 'auto' },
    only: { type: 'string', default: '' },
  },
});
const times = Number(values.times);
const random = new Random(Number(values.seed));
const tree = new Tree({
  plans: PLANS, store: values.store, storeFsync: 'no', functions: [{ ...CART, annotations: { worker: 'process' } }], env: { ALLOW_CRASH: 'yes', STEP_BY_STEP: 'yes' },
});
await tree.start();
const scene: Scene = { tree, http: new Http(), random, count: 0 };
const faults: string[] = [];
const startedMs = Date.now();
console.log(`seed ${values.seed}, ${tree.all[0]!.store!.kind} stores`);

async function repeat(name: string, work: (time: number) => Promise<string[]>): Promise<void> {
  if (!name.includes(values.only)) return;
  const found: string[] = [];
  const fromMs = Date.now();
  for (let time = 0; time < times; time += 1) {
    found.push(...await work(time).catch((error: Error) => [`${name}: ${error.message}`]));
  }
  console.log(`${name.padEnd(28)} ${times} times, ${((Date.now() - fromMs) / times).toFixed(0)} ms each, ${found.length} faults`);
  for (const fault of found.slice(0, 5)) console.log(`  ${fault}`);
  faults.push(...found);
}

try {
  for (const step of STEPS) {
    for (const role of ROLES) await repeat(`${step} ${role}`, (time) => killAt(scene, { step, role, withStore: time % 4 === 3 }));
  }
  for (const role of ROLES) await repeat(`sometime ${role}`, (time) => killSometime(scene, role, time % 4 === 3));
  for (const victim of ['worker', 'node', 'store'] as const) await repeat(`request ${victim}`, () => killInRequest(scene, victim));
} finally {
  scene.http.close();
  await tree.stop();
}
console.log(`${scene.count} killings in ${((Date.now() - startedMs) / 1000).toFixed(0)} s, ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
