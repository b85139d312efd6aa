/**
 * Locate before create: the id is looked for from the parent up to the root, and claimed in the
 * same walk. The root decides between two nodes that ask at once; if the path is cut, the node
 * creates anyway and registers later.
 */
import { pause, type Clock } from '../base/clock.js';
import type { Directory, NodeInfo } from '../base/directory.js';
import type { Ids } from '../base/ids.js';
import { reasonOf, type Log } from '../base/log.js';
import { Fault } from '../model/faults.js';
import { UNMET_PARENT_MS } from '../model/limits.js';
import type { Owed } from '../model/record.js';
import type { ClaimReply } from '../model/verbs.js';
import type { Located } from '../session/ports.js';
import type { SessionStore } from '../store/store.js';
import type { ClaimAnswer, ClaimRequest, Peers } from './peers.js';

/** Creditor of a claim to be made with all ancestors, once the node knows who they are. */
export const UNMET = '(ancestors)';
/** A parent that does not answer is asked so often before the path to it counts as cut. */
const ASK_TRIES = 3;
const BETWEEN_ASKS_MS = 50;
/** A parent that takes longer to fail hangs; the client has waited enough. */
const ASK_AGAIN_WITHIN_MS = 1_000;

export interface LocatorOptions {
  node: string;
  store: SessionStore;
  peers: Peers;
  directory: Directory;
  clock: Clock;
  ids: Ids;
  log: Log;
}

export class Locator {
  readonly #startedMs: number;

  constructor(private readonly options: LocatorOptions) {
    this.#startedMs = options.clock.now();
  }

  /** Asks the ancestors about an id that is unknown here. With `claim`, the id is this node's when they answer `free`. */
  async locate(session: string, creator: string, { claim, epoch }: { claim: boolean; epoch: number }): Promise<Located> {
    const { node, ids, directory } = this.options;
    // Whom a birth would have to be registered with is not known before the parent was reached for the first time.
    // Nor while it may answer any moment; later the path counts as cut, and they are told once they are known.
    const isUnmet = !directory.parent() && !directory.isRoot();
    if (isUnmet && this.options.clock.now() - this.#startedMs < UNMET_PARENT_MS) throw new Fault('STARTING', { node, reason: 'its parent has not been reached yet' });
    const incarnation = ids.uuid();
    if (isUnmet) return { kind: 'free', epoch, incarnation, knownBy: [], owed: [{ to: UNMET, kind: 'claim', epoch }], certain: false };
    const request: ClaimRequest = { session, function: creator, home: node, epoch, incarnation, write: claim };
    const answer = await this.#askUp(request);
    if (answer?.kind === 'known') return this.#known(request, answer);
    const registered = new Set(answer?.registered ?? []);
    const knownBy = directory.ancestors().map(({ name }) => name);
    const owed: Owed[] = knownBy.filter((name) => !registered.has(name)).map((to) => ({ to, kind: 'claim', epoch }));
    return { kind: 'free', epoch: Math.max(epoch, answer?.epoch ?? 0), incarnation, knownBy, owed, certain: isWhole(answer, directory.parent()) };
  }

  /** A child's claim: known here, or asked further up, and then indexed here. */
  async answer(request: ClaimRequest, onlyHere: boolean): Promise<ClaimAnswer> {
    const { node } = this.options;
    const looked = await this.#claim({ ...request, write: onlyHere && request.write });
    if (looked.kind !== 'unknown' || onlyHere) return { ...looked, registered: looked.kind === 'claimed' ? [node] : [] };
    const above = await this.#askUp(request);
    if (above?.kind === 'known') return above;
    const registered = above?.registered ?? [];
    const cut = !isWhole(above, this.options.directory.parent());
    if (!request.write) return { kind: 'unknown', epoch: Math.max(looked.epoch, above?.epoch ?? 0), registered, cut };
    const written = await this.#claim(request);
    if (written.kind !== 'claimed') return { ...written, registered };
    return { kind: 'claimed', epoch: Math.max(written.epoch, above?.epoch ?? 0), registered: [...registered, node], cut };
  }

  /** The id has a place. When that place is this very node, its record was lost between claim and birth: it is born now, as what was claimed. */
  #known(request: ClaimRequest, { home, current, epoch, incarnation }: ClaimReply & { kind: 'known' }): Located {
    const { node, directory } = this.options;
    if (home !== node) return { kind: 'known', home, current: current === node ? home : current, epoch };
    if (current !== node) return { kind: 'known', home, current, epoch };
    const knownBy = directory.ancestors().map(({ name }) => name);
    // How far that claim got nobody knows: every ancestor is told again.
    const owed = knownBy.map((to): Owed => ({ to, kind: 'claim', epoch }));
    return { kind: 'free', epoch: Math.max(epoch, request.epoch), incarnation, knownBy, owed, certain: true };
  }

  async #askUp(request: ClaimRequest): Promise<ClaimAnswer | undefined> {
    const parent = this.options.directory.parent();
    if (!parent) return undefined;
    const { peers, clock, log } = this.options;
    const startedMs = clock.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await peers.claim(parent.name, request);
      } catch (error) {
        // One lost call is no cut path: what is created although it exists elsewhere is a conflict for good.
        if (tries < ASK_TRIES && clock.now() - startedMs < ASK_AGAIN_WITHIN_MS) {
          await pause(clock, BETWEEN_ASKS_MS * tries);
          continue;
        }
        log.warn({ parent: parent.name, reason: reasonOf(error) }, 'the parent could not be asked for a session; it is registered later');
        return undefined;
      }
    }
  }

  #claim(request: ClaimRequest): Promise<ClaimReply> {
    return this.options.store.run({ verb: 'claim', ...request });
  }
}

/** Whether everybody up to the root was asked. */
function isWhole(answer: ClaimAnswer | undefined, parent: NodeInfo | undefined): boolean {
  return parent === undefined || (answer !== undefined && answer.cut !== true);
}
