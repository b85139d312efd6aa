/** Asks Kubernetes now and then how its machines are; without an answer nodes are taken at their own word. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import type { Clock, Timer } from '../../runtime/base/clock.js';
import type { Log } from '../../runtime/base/log.js';
import { MAX_KUBERNETES_BYTES } from '../../runtime/model/limits.js';
import type { RegisteredNode } from '../../runtime/model/oracle-answers.js';
import type { NodeReport } from '../../runtime/model/report.js';
import type { KubernetesSettings } from './settings.js';
import { type MachineUsage, STALE_USAGE_MS, usageOf, withUsage } from './usage.js';

const METRICS = '/apis/metrics.k8s.io/v1beta1/nodes';
const MACHINES = '/api/v1/nodes';
/** Label of a node that says on which machine it runs, as Kubernetes itself spells it. */
const HOST_LABEL = 'kubernetes.io/hostname';
const ANSWER_MS = 10_000;

export class Machines {
  private usage = new Map<string, MachineUsage>();
  private timer: Timer;
  private agent: Agent | undefined;
  private failure = '';
  private closed = false;

  constructor(private readonly parts: { settings: KubernetesSettings; clock: Clock; log: Log }) {}

  /** Looks once, and then again and again. */
  async start(): Promise<void> {
    const { caFile } = this.parts.settings;
    this.agent = new Agent(caFile === undefined ? {} : { connect: { ca: await readFile(caFile, 'utf8') } });
    await this.look();
    this.again();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.parts.clock.clearTimeout(this.timer);
    await this.agent?.destroy();
  }

  /** What the node reported, with what is known of its machine. */
  applied({ name, labels }: Pick<RegisteredNode, 'name' | 'labels'>, report: NodeReport): NodeReport {
    const { settings, clock } = this.parts;
    const machine = (Object.hasOwn(settings.nodes, name) ? settings.nodes[name] : undefined) ?? labels[HOST_LABEL] ?? name;
    const usage = this.usage.get(machine);
    return usage && clock.now() - usage.atMs < STALE_USAGE_MS ? withUsage(report, usage) : report;
  }

  /** One question. A failure is said once, and when it is over. */
  async look(): Promise<void> {
    const { log } = this.parts;
    try {
      const [metrics, machines] = await Promise.all([this.ask(METRICS), this.ask(MACHINES)]);
      this.usage = usageOf(metrics, machines);
      if (this.failure !== '') log.info({ machines: this.usage.size }, 'metrics-server answers again');
      this.failure = '';
    } catch (error) {
      const reason = (error as Error).message;
      if (reason !== this.failure && !this.closed) log.warn({ reason }, 'metrics-server was not reached: load is what nodes say themselves');
      this.failure = reason;
    }
  }

  private async ask(path: string): Promise<unknown> {
    const { url, tokenFile } = this.parts.settings;
    const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
    const { statusCode, body } = await request(`${url}${path}`, {
      dispatcher: this.agent!, signal: AbortSignal.timeout(ANSWER_MS), headers: { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_KUBERNETES_BYTES) throw new Error(`${path} answered more than ${MAX_KUBERNETES_BYTES} bytes`);
      chunks.push(chunk);
    }
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  }

  private again(): void {
    const { clock, settings } = this.parts;
    if (this.closed) return;
    this.timer = clock.setTimeout(() => void this.look().finally(() => this.again()), settings.everySeconds * 1000);
  }
}
