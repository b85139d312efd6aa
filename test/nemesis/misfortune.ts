/** What befalls the processes and the network, one thing after the other, each healed before the next at the same place. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeProcess } from '../../bench/harness/node-process.js';
import type { Random } from '../../bench/harness/random.js';
import { TROUBLES, type Relay } from './relay.js';

export interface MisfortuneOptions {
  relays: Map<string, Relay>;
  random: Random;
  signal: AbortSignal;
  /** How often each thing was done. */
  done: Record<string, number>;
  say(line: string): void;
}

const PACE_MS = 900;
const MOST_PAUSE_MS = 6_000;
const MOST_TROUBLE_MS = 2_500;
/** Two nodes may step apart by twice that, and peers still believe each other's signatures. */
const MOST_STEP_MS = 25_000;
/** Beyond all leases, reservations and what peers believe: so far steps one of so many. */
const MOST_FAR_STEP_MS = 15 * 60_000;
const ONE_FAR_OF = 5;

export async function troubleNetwork(options: MisfortuneOptions): Promise<void> {
  const { relays, random, signal } = options;
  while (!signal.aborted) {
    await rest(options);
    if (signal.aborted) return;
    const [name, relay] = random.pick([...relays]);
    const trouble = random.pick(TROUBLES);
    note(options, trouble, name);
    relay.set(trouble);
    await sleep(random.below(MOST_TROUBLE_MS));
    relay.set(undefined);
  }
}

/** @param nodes whose processes they are; nobody else troubles them */
export async function troubleProcesses(options: MisfortuneOptions, nodes: NodeProcess[]): Promise<void> {
  const { random, signal } = options;
  while (!signal.aborted) {
    await rest(options);
    if (signal.aborted) return;
    const node = random.pick(nodes);
    const storePid = await node.storePid();
    switch (random.below(storePid === undefined ? 4 : 7)) {
      case 0: await killNode(options, node, undefined); break;
      case 1: await standStill(options, 'node stopped', node.name, node.pid); break;
      case 2: case 3: step(options, node); break;
      case 4: await killNode(options, node, storePid); break;
      case 5: note(options, 'store killed', node.name); signalTo(storePid!, 'SIGKILL'); break;
      default: await standStill(options, 'store stopped', node.name, storePid!);
    }
  }
}

async function killNode(options: MisfortuneOptions, node: NodeProcess, storePid: number | undefined): Promise<void> {
  note(options, storePid === undefined ? 'node killed' : 'node and store killed', node.name);
  await node.kill();
  if (storePid !== undefined) signalTo(storePid, 'SIGKILL');
  await sleep(options.random.below(800));
  await node.start();
}

async function standStill(options: MisfortuneOptions, what: string, name: string, pid: number): Promise<void> {
  note(options, what, name);
  signalTo(pid, 'SIGSTOP');
  await sleep(options.random.below(MOST_PAUSE_MS));
  signalTo(pid, 'SIGCONT');
}

function step(options: MisfortuneOptions, node: NodeProcess): void {
  const mostMs = options.random.below(ONE_FAR_OF) === 0 ? MOST_FAR_STEP_MS : MOST_STEP_MS;
  const offsetMs = options.random.below(2 * mostMs) - mostMs;
  note(options, 'clock stepped', `${node.name} by ${offsetMs} ms`);
  node.stepClock(offsetMs);
}

function rest({ random, signal }: MisfortuneOptions): Promise<void> {
  return sleep(100 + random.below(PACE_MS), undefined, { signal }).catch(() => undefined);
}

function note({ done, say }: MisfortuneOptions, what: string, where: string): void {
  done[what] = (done[what] ?? 0) + 1;
  say(`${what}: ${where}`);
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
