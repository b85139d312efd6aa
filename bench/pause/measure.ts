/** Moves of one session up and down between two nodes while a client writes and another reads without end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Http } from '../harness/http.js';
import type { NodeProcess } from '../harness/node-process.js';
import type { Tree } from '../harness/tree.js';
import { LoopClient, once } from './clients.js';

export interface Plan {
  name: string;
  /** Bytes of each value; the writers' own 4 KB come on top. */
  values: number[];
  moves: number;
  /** The writer makes one value of so many bytes anew each time, instead of 4 KB. */
  whole?: number;
}

/** Milliseconds of one move. */
export interface Move {
  total: number;
  /** From the moment the source stops granting until the target grants. */
  pause: number;
  /** Its parts: the source's command, the way over, the target's command. */
  freeze: number;
  way: number;
  commit: number;
  /** Longest wait between two answers that the writer, and the reader, saw around the move. */
  writerGap: number;
  readerGap: number;
}

export interface Measured {
  moves: Move[];
  errors: string[];
  /** Longest of the reader's gaps in moments without a move, the yardstick for its gaps with one. */
  quietReaderGap: number;
  writes: number;
  reads: number;
}

/** What the nodes' probes report, by session: the last move's milestones. */
export class Milestones {
  readonly #seen = new Map<string, Map<string, bigint>>();

  constructor(nodes: NodeProcess[]) {
    for (const node of nodes) {
      node.onStep = (step, session) => {
        const [name, atNs] = step.split(' ') as [string, string];
        const mine = this.#seen.get(session) ?? new Map<string, bigint>();
        mine.set(name, BigInt(atNs));
        this.#seen.set(session, mine);
      };
    }
  }

  /** Milliseconds between the milestones, once both sides have reported. */
  async take(session: string): Promise<Pick<Move, 'pause' | 'freeze' | 'way' | 'commit'>> {
    for (let tries = 0; tries < 500; tries += 1) {
      const seen = this.#seen.get(session);
      const [stopped, left, arrived, granting] = ['stopped', 'left', 'arrived', 'granting'].map((name) => seen?.get(name));
      if (stopped !== undefined && left !== undefined && arrived !== undefined && granting !== undefined) {
        this.#seen.delete(session);
        return { pause: ms(stopped, granting), freeze: ms(stopped, left), way: ms(left, arrived), commit: ms(arrived, granting) };
      }
      await sleep(2);
    }
    throw new Error(`the milestones of ${session} are not complete`);
  }
}

function ms(from: bigint, to: bigint): number {
  return Number(to - from) / 1e6;
}

export async function measure(tree: Tree, milestones: Milestones, { name, values, moves, whole }: Plan, between: (holder: string) => Promise<void>, beside: () => Promise<void>): Promise<Measured> {
  const session = `pause-${name}`;
  const home = tree.node('milan');
  const http = new Http();
  for (const [at, bytes] of values.entries()) await mustWork(once(http, 'POST', `${home.url}/function/pause-write?fill=${bytes}&key=value-${at}`, session));
  const writer = new LoopClient(http, 'POST', `${home.url}/function/pause-write${whole ? `?whole=${whole}` : ''}`, session);
  const reader = new LoopClient(http, 'GET', `${home.url}/function/pause-read`, session);
  await mustWork(once(http, 'POST', `${home.url}/function/pause-write`, session));
  await between(session);
  writer.start();
  reader.start();
  await beside();
  const measured: Move[] = [];
  let quietReaderGap = 0;
  try {
    for (let move = 0; move < moves; move += 1) {
      await sleep(40);
      quietReaderGap = Math.max(quietReaderGap, reader.longestGap());
      writer.longestGap();
      const from = performance.now();
      await tree.admin(home, 'POST', `/function/force-${move % 2 === 0 ? 'offload' : 'onload'}?session=${session}`);
      const total = performance.now() - from;
      await sleep(20);
      measured.push({ total, ...await milestones.take(session), writerGap: writer.longestGap(), readerGap: reader.longestGap() });
    }
  } finally {
    await Promise.all([writer.stop(), reader.stop()]);
    http.close();
  }
  const errors = [...writer.seen.errors, ...reader.seen.errors];
  return { moves: measured, errors, quietReaderGap, writes: writer.seen.answers, reads: reader.seen.answers };
}

async function mustWork(call: Promise<string | undefined>): Promise<void> {
  const fault = await call;
  if (fault) throw new Error(fault);
}
