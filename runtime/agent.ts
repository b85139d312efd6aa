/**
 * The node's agent: tells the parent who is below, learns who is above, and registers with the
 * oracle. The tree alone keeps the domain going; the oracle may be down.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from './base/clock.js';
import { type NodeInfo, nodesOf, readNode, readSubtree } from './base/directory.js';
import type { PeerClient } from './base/http-client.js';
import type { Log } from './base/log.js';
import type { Route } from './base/reply.js';
import { type KnownTree, TreeDirectory } from './base/tree-directory.js';
import { Fault } from './model/faults.js';
import { ANNOUNCE_EVERY_MS, MAX_TREE_DEPTH, REGISTRATION_DEADLINE_MS } from './model/limits.js';

export interface AgentOptions {
  self: NodeInfo;
  /** Name of the parent, where the configuration gives it; else it is learned at the first announcement. */
  parentUrl?: string;
  oracleUrl?: string;
  /** Life of this process. */
  boot: string;
  stateDir: string;
  peers: PeerClient;
  clock: Clock;
  log: Log;
  /** What a registration says besides name and address: store, functions, load. */
  describe(): Record<string, unknown>;
  /** Called when the children have changed. */
  onChildren?(): void;
  /** Called when the node is in other collections of the inventory than before. */
  onCollections?(names: string[]): void;
}

/** What the oracle says no with; anything else is a call that did not get through. */
const REFUSALS: ReadonlySet<string> = new Set(['NODE_REFUSED', 'CLOCKS_APART', 'UNAUTHORIZED', 'FORBIDDEN', 'PARAMETER_INVALID']);

/** At first a node speaks up more often: a whole domain that starts together finds itself sooner. */
const YOUNG_ROUNDS = 20;

export class Agent {
  readonly directory: TreeDirectory;
  #registered = false;
  #collections = '';
  #refusal = '';
  #closed = false;
  #saving: Promise<void> = Promise.resolve();
  readonly #timers = new Set<Timer>();

  constructor(private readonly options: AgentOptions) {
    const { self, parentUrl, clock } = options;
    this.directory = new TreeDirectory({ self, hasParent: parentUrl !== undefined, now: () => clock.now(), askUp: (name) => this.#askUp(name) });
  }

  /** True once the oracle knows the node; a node without an oracle has nothing to wait for. */
  registered(): boolean {
    return this.#registered || this.options.oracleUrl === undefined;
  }

  /** Tries parent and oracle once, and then again and again. */
  async start(): Promise<void> {
    await Promise.all([this.#announce(), this.#register()]);
    this.#repeat(() => this.#announce(), ANNOUNCE_EVERY_MS);
    this.#repeat(() => this.#register(), ANNOUNCE_EVERY_MS);
  }

  /** Announces at once, because something about the node has changed. */
  async announceNow(): Promise<void> {
    await this.#announce();
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) this.options.clock.clearTimeout(timer);
  }

  routes(): Route[] {
    return [
      { method: 'POST', path: '/peer/announce', access: 'peer', run: async ({ body }) => ({ status: 200, json: await this.#receive(body) }) },
      {
        method: 'GET', path: '/peer/resolve', access: 'peer',
        run: async ({ query }) => ({ status: 200, json: { node: (await this.directory.resolve(query.get('name') ?? '')) ?? null } }),
      },
    ];
  }

  // ── The tree ─────────────────────────────────────────────────────────────────────────────────

  async #receive(body: unknown): Promise<{ ancestors: NodeInfo[] }> {
    const above = [this.directory.self, ...this.directory.ancestors()];
    const child = readSubtree(body, MAX_TREE_DEPTH - above.length);
    const names = new Set(nodesOf(child).map(({ name }) => name));
    const twice = above.find(({ name }) => names.has(name));
    if (twice) throw new Fault('PARAMETER_INVALID', { name: 'node', reason: `${twice.name} is above already: the tree would be a circle` });
    if (this.directory.setChild(child)) {
      await this.#save();
      this.options.onChildren?.();
      // News go up at once, so that a new leaf is known to the root within a round trip a level.
      void this.#announce();
    }
    return { ancestors: above };
  }

  async #announce(): Promise<void> {
    const { parentUrl, peers, log } = this.options;
    if (parentUrl === undefined) return;
    try {
      const { body } = await peers.call(parentUrl, 'POST', '/peer/announce', this.directory.subtree());
      if (this.directory.setAncestors(readAncestors(body))) await this.#save();
    } catch (error) {
      log.debug({ parentUrl, reason: (error as Error).message }, 'the parent was not reached');
    }
  }

  async #askUp(name: string): Promise<NodeInfo | undefined> {
    const { parentUrl, peers } = this.options;
    if (parentUrl === undefined) return undefined;
    const { body } = await peers.call(parentUrl, 'GET', `/peer/resolve?name=${encodeURIComponent(name)}`);
    return (body as { node: NodeInfo | null }).node ?? undefined;
  }

  // ── The oracle ───────────────────────────────────────────────────────────────────────────────

  async #register(): Promise<void> {
    const { oracleUrl, peers, self, boot, log } = this.options;
    if (oracleUrl === undefined) return;
    const { name, url, level } = self;
    const parent = this.directory.parent()?.name ?? null;
    // Without its parent's name a node that has one would be taken for a second root.
    if (parent === null && this.options.parentUrl !== undefined) return;
    try {
      const registration = { name, url, level, parent, boot, deadlineMs: REGISTRATION_DEADLINE_MS, ...this.options.describe() };
      const { body } = await peers.call(oracleUrl, 'POST', '/api/v1/nodes', registration);
      this.#registered = true;
      this.#refusal = '';
      this.#hearCollections(body);
    } catch (error) {
      const { message: reason } = error as Error;
      const isRefused = error instanceof Fault && REFUSALS.has(error.code);
      // Once for each reason: it is tried again every two seconds.
      if (isRefused && reason !== this.#refusal) log.warn({ oracleUrl, reason }, 'the oracle does not register this node');
      else log.debug({ oracleUrl, reason }, 'the oracle was not reached');
      if (isRefused) this.#refusal = reason;
    }
  }

  #hearCollections(body: unknown): void {
    const { collections } = (body ?? {}) as { collections?: unknown };
    if (!Array.isArray(collections) || JSON.stringify(collections) === this.#collections) return;
    this.#collections = JSON.stringify(collections);
    this.options.onCollections?.(collections.map(String));
  }

  #repeat(work: () => Promise<void>, everyMs: number): void {
    const { clock } = this.options;
    let young = YOUNG_ROUNDS;
    const again = () => {
      young -= 1;
      const timer = clock.setTimeout(() => {
        this.#timers.delete(timer);
        void work().finally(() => {
          if (!this.#closed) again();
        });
      }, young > 0 || !this.registered() ? everyMs / 10 : everyMs);
      this.#timers.add(timer);
    };
    again();
  }

  // ── What is kept ─────────────────────────────────────────────────────────────────────────────

  get #file(): string {
    return join(this.options.stateDir, 'directory.json');
  }

  /** One after the other: two at once would write the same new file. What is on the disk is no more than a help at the next start. */
  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      await writeFile(`${this.#file}.new`, JSON.stringify(this.directory.snapshot()));
      await rename(`${this.#file}.new`, this.#file);
    }).catch((error: unknown) => this.options.log.warn({ reason: (error as Error).message }, 'what is known of the tree could not be kept'));
    return this.#saving;
  }

  /** Takes up what was known before; to be called before anybody is served, because a redirect needs its target's address. */
  async restore(): Promise<void> {
    try {
      const { ancestors, children } = JSON.parse(await readFile(this.#file, 'utf8')) as KnownTree;
      this.directory.restore({
        // A node that lost its parent by configuration is a root now.
        ancestors: this.options.parentUrl === undefined ? [] : readAncestors({ ancestors }),
        children: children.map((child) => readSubtree(child, MAX_TREE_DEPTH)),
      });
    } catch {
      // The first start, or a torn file: parent and children say it all again.
    }
  }
}

function readAncestors(body: unknown): NodeInfo[] {
  const { ancestors } = (body ?? {}) as { ancestors?: unknown };
  if (!Array.isArray(ancestors) || ancestors.length === 0 || ancestors.length >= MAX_TREE_DEPTH) {
    throw new Fault('PARAMETER_INVALID', { name: 'ancestors', reason: 'the nodes from the parent to the root are needed' });
  }
  return ancestors.map(readNode);
}
