/**
 * The whole domain under one seed: clients, moves, lost calls, lost answers and crashes in an
 * order that the seed decides. Whoever runs it again with the seed sees the same.
 */
import { Fault } from '../../runtime/model/faults.js';
import type { Subtree } from '../../runtime/base/directory.js';
import { type InvokeExtra, listWorker, World } from '../domain/world.js';
import { randomTree } from './random-tree.js';

export interface SimulationOptions {
  seed: number;
  /** Client calls, moves, crashes: every thing that is begun counts as one step. */
  steps: number;
  sessions?: number;
  clients?: number;
  /** A random one when missing. */
  tree?: Subtree;
}

/** Of the sessions this many have a time to live; theirs is no promise that an item is kept. */
const SHORT_LIVED = 1;
const TTL_MS = 1_500;

export interface SimulationReport {
  seed: number;
  steps: number;
  acknowledged: number;
  moves: number;
  refusedMoves: number;
  crashes: number;
  lostCalls: number;
  storeFailures: number;
  reads: number;
  flips: number;
  maxRedirects: number;
  /** Effects that the root's ledger got. */
  delivered: number;
  /** Empty when every invariant held. */
  violations: string[];
}

/** Small, fast and good enough to decide what happens next. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const RETRIES = 400;
/** Every list tells the ledgers above it of each item. */
const telling = listWorker('offloadable', (outbox, item, session) => outbox.propagate(`${session}:${item}`, '*', 'ledger'));
const ledgerAt = (node: string) => `propagate:ledger@${node}`;

export async function simulate({ seed, steps, sessions = 4, clients = 6, tree }: SimulationOptions): Promise<SimulationReport> {
  const random = mulberry32(seed);
  const shape = tree ?? randomTree(random);
  const world = new World(shape);
  const mostRedirects = Math.max(2, levelsOf(shape) - 1);
  const names = [...world.nodes.keys()];
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const report: SimulationReport = { seed, steps, acknowledged: 0, moves: 0, refusedMoves: 0, crashes: 0, lostCalls: 0, storeFailures: 0, reads: 0, flips: 0, maxRedirects: 0, delivered: 0, violations: [] };
  const sent = new Map<string, string[]>();
  const acknowledged = new Map<string, string[]>();
  let begun = 0;
  let stormy = true;

  world.latency = () => Math.floor(random() * 12);
  world.weather = () => {
    const roll = random();
    if (!stormy || roll > 0.03) return 'fine';
    report.lostCalls += 1;
    return roll > 0.015 ? 'lost' : 'answer-lost';
  };
  world.storeWeather = () => {
    const roll = random();
    if (!stormy || roll > 0.004) return 'fine';
    report.storeFailures += 1;
    return roll > 0.002 ? 'lost' : 'answer-lost';
  };
  const isShortLived = (session: string) => Number(session.slice(1)) >= sessions - SHORT_LIVED;
  const ttlOf = (session: string) => (isShortLived(session) ? TTL_MS : 0);
  /** What is born twice behind a cut path is a conflict, and that is another test: a short-lived session has one entrance. */
  const entranceOf = (session: string) => (isShortLived(session) ? names[Number(session.slice(1)) % names.length]! : pick(names));
  const rest = () => new Promise<void>((resolve) => void world.clock.setTimeout(resolve, 1 + Math.floor(random() * 60)));

  /** Sends one item until it is acknowledged: follows redirects, tries again with the same request id. */
  async function client(index: number): Promise<void> {
    const session = `s${index % sessions}`;
    let version = isShortLived(session) ? 0 : 1;
    const [mine, seen] = [listOf(sent, session), listOf(acknowledged, session)];
    for (let count = 0; begun < steps; count += 1) {
      begun += 1;
      const item = `c${index}-${count}`;
      const requestId = world.uuid();
      mine.push(item);
      const answer = await persist(() => reach(entranceOf(session), session, item, { requestId, minVersion: version }));
      if (answer && !isShortLived(session)) version = Math.max(version, answer.version);
      if (answer === undefined) report.violations.push(`item ${item} of ${session} was never acknowledged`);
      else seen.push(item);
      report.acknowledged += answer === undefined ? 0 : 1;
      await rest();
    }
  }

  /** Reads again and again through any node, and never goes back. */
  async function reader(index: number): Promise<void> {
    const session = `s${index % (sessions - SHORT_LIVED)}`;
    let [version, before] = [1, [] as string[]];
    while (begun < steps) {
      begun += 1;
      const minVersion = version;
      const answer = await persist(() => reach(pick(names), session, '', { minVersion, kind: 'read-only' }));
      await rest();
      if (!answer) continue;
      report.reads += 1;
      const missing = before.filter((item) => !answer.items.includes(item));
      if (answer.version < version || missing.length > 0) {
        report.violations.push(`a reader of ${session} went back from version ${version} to ${answer.version}, without ${missing.join(', ')}`);
      }
      [version, before] = [Math.max(version, answer.version), answer.items];
    }
  }

  async function flipper(): Promise<void> {
    while (begun < steps) {
      begun += 1;
      report.flips += 1;
      const name = pick(names);
      const order = () => world.command(name, 'set-offload-status', `status=${random() < 0.4 ? 'reject' : 'accept'}`);
      await alive(name, order as () => Promise<unknown>).catch(() => undefined);
      await new Promise<void>((resolve) => void world.clock.setTimeout(resolve, 100 + Math.floor(random() * 500)));
    }
  }

  async function reach(at: string, session: string, item: string, extra: InvokeExtra): Promise<{ items: string[]; version: number }> {
    let [target, home, redirects] = [at, undefined as string | undefined, 0];
    for (;;) {
      const served = await alive(target, () => world.invoke(target, session, item, { ...(extra.kind !== 'read-only' && { worker: telling }), ...extra, ttlMs: ttlOf(session), redirectedHome: home, hops: redirects }));
      report.maxRedirects = Math.max(report.maxRedirects, redirects);
      if (served.kind === 'answer') return { items: JSON.parse(served.response.body.toString()) as string[], version: served.version };
      [target, home, redirects] = [served.to, served.home, redirects + 1];
      if (redirects > 8) throw new Fault('MOVING');
    }
  }

  /** A call to a node that crashes meanwhile ends as a broken connection. */
  function alive<T>(name: string, work: () => Promise<T>): Promise<T> {
    return Promise.race([work(), world.ended(name).then(() => Promise.reject(new Fault('PEER_UNREACHABLE', { node: name })))]);
  }

  async function persist<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let tries = 0; tries < RETRIES; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Fault) || !(error.retryable || error.code === 'PEER_UNREACHABLE')) {
          report.violations.push(`a client saw ${error instanceof Fault ? error.code : String(error)}`);
          return undefined;
        }
      }
      await rest();
    }
    return undefined;
  }

  async function mover(): Promise<void> {
    while (begun < steps) {
      begun += 1;
      const session = random() < 0.8 ? `s${Math.floor(random() * sessions)}` : ledgerAt(pick(names));
      const { holder, home } = await placeOf(session);
      const kind = random();
      // Mostly what can succeed, sometimes what cannot.
      const at = kind < 0.4 ? holder : kind < 0.8 ? home : pick(names);
      const order = () => {
        if (kind < 0.4) return world.command(at, 'force-offload', `session=${session}`);
        if (kind < 0.8) return world.command(at, 'force-onload', `session=${session}`);
        return world.node(at).offload.migrate(session, pick(names), !isShortLived(session) && random() < 0.5);
      };
      await alive(at, order as () => Promise<unknown>).then(
        () => (report.moves += 1),
        (error: unknown) => {
          report.refusedMoves += 1;
          if (!(error instanceof Fault)) report.violations.push(`a move failed with ${String(error)}`);
        },
      );
      await checkHolders();
      await rest();
    }
  }

  async function placeOf(session: string): Promise<{ holder: string; home: string }> {
    for (const name of names) {
      const slot = await world.slotAt(name, session);
      if (slot?.state === 'resident') return { holder: name, home: slot.home };
    }
    return { holder: pick(names), home: pick(names) };
  }

  async function reaper(): Promise<void> {
    while (begun < steps) {
      await new Promise<void>((resolve) => void world.clock.setTimeout(resolve, 200 + Math.floor(random() * 1_500)));
      begun += 1;
      report.crashes += 1;
      const name = pick(names);
      world.crash(name);
      await new Promise<void>((resolve) => void world.clock.setTimeout(resolve, Math.floor(random() * 300)));
      const { offload } = world.start(name);
      await alive(name, () => offload.resume()).catch(() => undefined);
    }
  }

  async function sweeper(): Promise<void> {
    while (begun < steps || !stormy) {
      await new Promise<void>((resolve) => void world.clock.setTimeout(resolve, 5_000));
      for (const name of names) await alive(name, () => world.node(name).offload.sweep()).catch(() => undefined);
      if (begun >= steps) return;
    }
  }

  async function checkHolders(): Promise<void> {
    for (let index = 0; index < sessions; index += 1) {
      const slots = await Promise.all(names.map((name) => world.slotAt(name, `s${index}`)));
      const holders = names.filter((_, at) => slots[at]?.state === 'resident');
      if (holders.length > 1) report.violations.push(`session s${index} is resident at ${holders.join(' and ')}`);
    }
  }

  async function checkEnd(): Promise<void> {
    for (const [session, items] of sent) {
      // Once quiet, any node that knows the session reaches it on its path: two redirects in a domain of three levels.
      for (const name of names) {
        report.maxRedirects = 0;
        if (await world.slotAt(name, session)) await persist(() => reach(name, session, '', {}));
        if (report.maxRedirects > mostRedirects && !isShortLived(session)) report.violations.push(`session ${session} is ${report.maxRedirects} redirects away from ${name}`);
      }
      const list = (await persist(() => reach(names[0]!, session, '', {})))?.items ?? [];
      const seen = isShortLived(session) ? [] : listOf(acknowledged, session);
      if (new Set(list).size !== list.length) report.violations.push(`session ${session} has an item twice`);
      const missing = seen.filter((item) => !list.includes(item));
      if (missing.length > 0) report.violations.push(`session ${session} lost ${missing.join(', ')}`);
      const foreign = list.filter((item) => !items.includes(item));
      if (foreign.length > 0) report.violations.push(`session ${session} has ${foreign.join(', ')}, which nobody sent`);
    }
    await checkLedgers();
  }

  async function checkNothingIsOpen(): Promise<void> {
    for (const name of names) {
      for (const session of await world.node(name).store.unfinished()) {
        const slot = await world.slotAt(name, session);
        report.violations.push(`session ${session} is unfinished at ${name}: ${slot?.state} ${JSON.stringify(slot?.owed)}`);
      }
    }
  }

  async function undelivered(): Promise<number> {
    const counts = [...sent.keys()].flatMap((session) => names.map((name) => world.node(name).store.effects(session, 10_000)));
    return (await world.during(Promise.all(counts))).flat().length;
  }

  /** Every path ends at the root: its ledger has every item once, each session's in the order of its list. */
  async function checkLedgers(): Promise<void> {
    for (const session of sent.keys()) {
      const ofSession = (ledger: string[]) => ledger.filter((entry) => entry.startsWith(`${session}:`)).map((entry) => entry.slice(session.length + 1));
      const list = await world.itemsOf(session);
      const atRoot = ofSession(await world.itemsOf(ledgerAt(names[0]!)));
      // The list of a short-lived session ends and begins anew, its effects stay.
      const differs = isShortLived(session) ? -1 : list.concat(atRoot).findIndex((_, at) => list[at] !== atRoot[at]);
      if (differs >= 0) report.violations.push(`the root's ledger of ${session} has ${atRoot[differs]} at ${differs} where its list has ${list[differs]}`);
      report.delivered += atRoot.length;
      for (const name of names) {
        const ledger = ofSession(await world.itemsOf(ledgerAt(name)));
        if (new Set(ledger).size !== ledger.length) report.violations.push(`the ledger of ${name} has an item of ${session} twice`);
      }
    }
    for (const name of names) {
      for (const { reason } of world.node(name).offload.deadLetters.list()) report.violations.push(`a dead letter at ${name}: ${reason}`);
    }
  }

  stormy = false;
  for (let index = 0; index < sessions; index += 1) await world.during(reach(names[index % names.length]!, `s${index}`, `born-${index}`, {}));
  for (let index = 0; index < sessions; index += 1) listOf(sent, `s${index}`).push(`born-${index}`);
  stormy = true;
  const several = (count: number, actor: (index: number) => Promise<void>) => Array.from({ length: count }, (_, index) => actor(index));
  const actors = [...several(clients, client), ...several(2, reader), mover(), mover(), reaper(), flipper(), sweeper()];
  await world.during(Promise.all(actors), Number.POSITIVE_INFINITY);
  stormy = false;
  await world.sweep();
  await world.sweep();
  // Clients were faster than the deliveries of their effects: those go on for as long as any is taken.
  for (let before = Number.POSITIVE_INFINITY, left = await undelivered(); left > 0 && left < before; [before, left] = [left, await undelivered()]) {
    await world.settle();
  }
  await world.during(checkEnd(), Number.POSITIVE_INFINITY);
  // What expired while it was looked for owes the news of its end.
  await world.sweep();
  await world.during(checkNothingIsOpen(), Number.POSITIVE_INFINITY);
  await checkHolders();
  return report;
}

function levelsOf({ children }: Subtree): number {
  return 1 + Math.max(0, ...children.map(levelsOf));
}

function listOf(lists: Map<string, string[]>, name: string): string[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}
