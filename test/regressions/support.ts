/** The default domain with words for what the scenarios do to it. */
import type { Fault } from '../../runtime/model/faults.js';
import type { SessionToken } from '../../runtime/offload/token.js';
import type { Worker, WorkerAnswer } from '../../runtime/session/call.js';
import type { Write } from '../../runtime/store/store.js';
import { defaultTree, type Luck, World } from '../domain/world.js';

export const [CLOUD, MILAN, LEAF, SIBLING, TURIN, FAR_LEAF] = ['cloud', 'milan', 'milan-001', 'milan-002', 'turin', 'turin-001'] as const;
export const S = 's';

export const codeOf = (error: unknown): string => (error as Fault).code ?? String(error);

export class Domain {
  readonly world = new World(defaultTree());

  get names(): string[] { return [...this.world.nodes.keys()]; }

  add(at: string, item: string, requestId?: string, session = S) { return this.world.during(this.world.add(at, session, item, requestId)); }
  async items(at: string = LEAF, session = S): Promise<string[]> { return (await this.add(at, '', undefined, session)).items; }

  up(at: string, session = S) { return this.world.during(this.world.command(at, 'force-offload', `session=${encodeURIComponent(session)}`)); }
  down(at: string, session = S) { return this.world.during(this.world.command(at, 'force-onload', `session=${encodeURIComponent(session)}`)); }
  migrate(to: string, rehome = false, session = S): Promise<SessionToken> { return this.world.during(this.world.node(CLOUD).offload.migrate(session, to, rehome)); }

  slot(at: string, session = S) { return this.world.slotAt(at, session); }

  /** Nodes that would serve writes of the session. */
  async holders(session = S): Promise<string[]> {
    const slots = await Promise.all(this.names.map((name) => this.slot(name, session)));
    return this.names.filter((_, at) => slots[at]?.state === 'resident');
  }

  /** Moves and debts that have not ended, in words. */
  async open(): Promise<string[]> {
    const open = await Promise.all([...this.world.nodes.values()].map(async ({ name, store }) => (await store.unfinished()).map((session) => `${session} at ${name}`)));
    return open.flat();
  }

  /** Everybody does what is left to do, twice over: reservations run out, debts are paid. */
  async rest(): Promise<void> {
    await this.world.settle();
    await this.world.sweep();
    await this.world.sweep();
  }

  /** Calls on a path go wrong, so many of them; then all is fine again. */
  fail(path: string, luck: Luck, count = Number.POSITIVE_INFINITY, when: (body: { from: string; to: string }) => boolean = () => true): void {
    let left = count;
    this.world.weather = (link) => {
      if (left <= 0 || !link.path.includes(path) || !when(link)) return 'fine';
      left -= 1;
      return luck;
    };
  }

  heal(): void {
    this.world.weather = () => 'fine';
    this.world.storeWeather = () => 'fine';
    this.world.reached = () => undefined;
  }

  /** Something happens the first time that a move reaches a step. */
  at(wanted: string, work: () => unknown): void {
    this.world.reached = async (step) => {
      if (step !== wanted) return;
      this.world.reached = () => undefined;
      await work();
    };
  }

  /** The driver of the next move ends there, as with its process. */
  crashAt(wanted: string): void {
    this.at(wanted, () => { throw new Error('the process ended'); });
  }

  /** Nodes on the way of a client that begins there; rejects when it comes by one twice. */
  async way(from: string, session = S): Promise<string[]> {
    const way = [from];
    let home: string | undefined;
    for (;;) {
      const served = await this.world.during(this.world.invoke(way.at(-1)!, session, '', { redirectedHome: home, hops: way.length - 1 }));
      if (served.kind === 'answer') return way;
      if (way.includes(served.to)) throw new Error(`a loop: ${[...way, served.to].join(' → ')}`);
      way.push(served.to);
      home = served.home;
    }
  }
}

/** A function that writes just this and answers "done". */
export function writer(...writes: Write[]): Worker {
  return {
    kind: 'offloadable',
    run: async (): Promise<WorkerAnswer> => ({ response: { status: 200, headers: {}, body: Buffer.from('done') }, writes, effects: [], telemetry: [] }),
    close: async () => undefined,
  };
}
