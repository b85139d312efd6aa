/** A function that runs somewhere else, under the URL of its annotation. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import type { UpgradeCall, Worker, WorkerAnswer, WorkerCall } from '../../session/call.js';
import { Watch } from '../watch.js';
import { tunnel } from './tunnel.js';
import { Upstream } from './upstream.js';

export class RemoteWorker implements Worker {
  readonly kind = 'stateless';
  readonly streams = true;
  readonly #upstream: Upstream;
  readonly #watch: Watch;
  readonly #ended = new AbortController();

  /** Throws DEPLOY_FAILED when the URL is none. */
  constructor(options: { service: string; url: string; clock: Clock }) {
    const { service, url, clock } = options;
    const problem = problemOf(url);
    if (problem !== undefined) throw new Fault('DEPLOY_FAILED', { function: service, reason: `the annotation upstream ${problem}` });
    this.#upstream = new Upstream(service, url);
    this.#watch = new Watch(clock);
  }

  run(call: WorkerCall): Promise<WorkerAnswer> {
    const own = new AbortController();
    return this.#watch.over(this.#upstream.run(call, own.signal), call, () => own.abort());
  }

  upgrade(call: UpgradeCall, client: Duplex, head: Buffer): void {
    tunnel(this.#upstream, { ...call, signal: AbortSignal.any([call.signal, this.#ended.signal]) }, client, head);
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#upstream.close();
  }
}

function problemOf(url: string): string | undefined {
  if (!/^https?:\/\/[^/?#]/.test(url) || !URL.canParse(url)) return `is ${url || 'missing'}; it is the http:// or https:// URL where the function runs`;
  const { username, password, search, hash } = new URL(url);
  if (username !== '' || password !== '') return 'has a user or a password, which everybody sees who may list functions; callers send credentials themselves';
  return search !== '' || hash !== '' ? 'ends in a query or a fragment; a function has neither, its calls bring their own' : undefined;
}
