/**
 * `npm run bench -- --pause [--quick] [--store redis|embedded] [--json FILE]`: how long a move keeps writers waiting, by size of the
 * session, beside a plain stop-and-copy and the bare floor of the same run. README.md in the folder above explains the figures.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createClient, type RedisClientType } from 'redis';
import { parseStoreUrl } from '../../runtime/store/redis/url.js';
import { quantile } from '../harness/figures.js';
import type { NodeProcess } from '../harness/node-process.js';
import { SIX_NODES, Tree } from '../harness/tree.js';
import { floorMs } from './floor.js';
import { measure, Milestones, type Move, type Plan } from './measure.js';
import { plainMs } from './plain.js';
import { verdictsOf } from './promises.js';

export interface PauseRunOptions {
  quick: boolean;
  store: string;
  /** Only sizes whose name begins so. */
  only?: string;
  json?: string;
  /** Folder for a CPU profile of each node. */
  prof?: string;
}

const KB = 1024;
const MB = 1024 * KB;
const PLAIN_TIMES = 5;
const FLOOR_TIMES = 300;
const FUNCTIONS = ['pause-write', 'pause-read'].map((name) => ({
  name, folder: fileURLToPath(new URL(`../../../bench/functions/${name}`, import.meta.url)), annotations: { worker: 'inline' },
}));
const PROBE = new URL('./probe.js', import.meta.url).href;

function plansOf(quick: boolean): Plan[] {
  const moves = quick ? 10 : 40;
  const some = quick ? 4 : 30;
  const of = (count: number, bytes: number) => Array.from({ length: count }, () => bytes);
  return [
    { name: '1kb', values: of(1, KB), moves }, { name: '64kb', values: of(16, 4 * KB), moves }, { name: '1mb', values: of(16, 64 * KB), moves },
    { name: '8mb', values: of(8, MB), moves: some }, { name: '64mb', values: of(64, MB), moves: some },
    { name: 'one8mb', values: [], moves: quick ? 2 : 6, whole: 8 * MB - KB },
  ];
}

export async function runPauses({ quick, store, only, json, prof }: PauseRunOptions): Promise<void> {
  const tree = new Tree({ plans: SIX_NODES.slice(0, 2), store, functions: FUNCTIONS, execArgv: ['--import', PROBE, ...(prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${prof}`])] });
  await tree.start();
  const stores: RedisClientType[] = [];
  const figures: Record<string, number> = {};
  try {
    const isRedis = tree.all[0]!.store!.kind === 'redis';
    if (isRedis) for (const name of ['milan', 'cloud']) stores.push(await clientOf(tree.node(name)));
    const [source, target] = stores;
    const milestones = new Milestones(tree.all);
    console.log(HEAD);
    for (const plan of plansOf(quick).filter(({ name }) => !only || name.startsWith(only))) {
      const plain: number[] = [];
      const floor: number[] = [];
      const busyFloor: number[] = [];
      const measured = await measure(tree, milestones, plan, async (session) => {
        if (!source || !target) return;
        floor.push(...await floorMs(source, target, FLOOR_TIMES));
        for (let time = 0; time < PLAIN_TIMES; time += 1) plain.push(await plainMs(source, target, session));
      }, async () => {
        if (source && target) busyFloor.push(...await floorMs(source, target, FLOOR_TIMES));
      });
      console.log(lineOf(plan.name, measured.moves, measured, plain, floor, busyFloor));
      for (const error of measured.errors.slice(0, 3)) console.log(`  ERROR: ${error}`);
      Object.assign(figures, figuresOf(plan.name, measured.moves, plain, floor, busyFloor, measured.errors.length));
    }
  } finally {
    for (const client of stores) client.destroy();
    await tree.stop();
  }
  for (const { isMet, says } of verdictsOf(figures)) console.log(`${isMet ? 'met   ' : 'MISSED'} ${says}`);
  // Times depend on the machine; a client's error never does.
  if (Object.entries(figures).some(([name, value]) => name.startsWith('move_errors_') && value > 0)) process.exitCode = 1;
  if (json) await writeFile(json, `${JSON.stringify(figures, undefined, 2)}\n`);
}

async function clientOf(node: NodeProcess): Promise<RedisClientType> {
  const { socket, username, password } = parseStoreUrl(node.store!.url);
  const client = createClient({ socket, username, password } as never) as unknown as RedisClientType;
  await client.connect();
  return client;
}

const HEAD = [
  'session', 'moves', 'total p50', 'pause p50', 'pause p99', 'freeze', 'way', 'commit', 'floor p50', 'floor p99', 'busy p50', 'busy p99', 'plain p50',
  'writer gap p50', 'p99', 'reader gap p99', '(no move: max)', 'errors',
].map((word) => word.padStart(10)).join(' ') + '   milliseconds';

function lineOf(name: string, moves: Move[], seen: { errors: string[]; quietReaderGap: number }, plain: number[], floor: number[], busyFloor: number[]): string {
  const at = (values: number[], share: number) => (values.length === 0 ? '–' : quantile([...values].sort((a, b) => a - b), share).toFixed(2));
  const of = (pick: (move: Move) => number, share: number) => at(moves.map(pick), share);
  return [
    name, String(moves.length), of((m) => m.total, 0.5), of((m) => m.pause, 0.5), of((m) => m.pause, 0.99), of((m) => m.freeze, 0.5), of((m) => m.way, 0.5),
    of((m) => m.commit, 0.5), at(floor, 0.5), at(floor, 0.99), at(busyFloor, 0.5), at(busyFloor, 0.99), at(plain, 0.5), of((m) => m.writerGap, 0.5), of((m) => m.writerGap, 0.99),
    of((m) => m.readerGap, 0.99), seen.quietReaderGap.toFixed(2), String(seen.errors.length),
  ].map((word) => word.padStart(10)).join(' ');
}

function figuresOf(name: string, moves: Move[], plain: number[], floor: number[], busyFloor: number[], errors: number): Record<string, number> {
  const at = (values: number[], share: number) => Number(quantile([...values].sort((a, b) => a - b), share).toFixed(3));
  const pauses = moves.map(({ pause }) => pause);
  return {
    [`write_pause_${name}_p50_ms`]: at(pauses, 0.5), [`write_pause_${name}_p99_ms`]: at(pauses, 0.99),
    [`move_total_${name}_p50_ms`]: at(moves.map(({ total }) => total), 0.5), [`move_errors_${name}`]: errors,
    ...(plain.length > 0 && {
      [`plain_copy_${name}_p50_ms`]: at(plain, 0.5), [`pause_floor_${name}_p50_ms`]: at(floor, 0.5), [`pause_floor_${name}_p99_ms`]: at(floor, 0.99),
      [`pause_busy_floor_${name}_p50_ms`]: at(busyFloor, 0.5), [`pause_busy_floor_${name}_p99_ms`]: at(busyFloor, 0.99),
    }),
  };
}
