/** An oracle with as many nodes as wanted, which only say that they are there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOracle, type RunningOracle } from '../../oracle/oracle.js';
import { systemClock } from '../../runtime/base/clock.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { createPeerClient, type PeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { createPeerSigner } from '../../runtime/base/peer-signature.js';
import type { NodeReport } from '../../runtime/model/report.js';
import { reportOf } from '../oracle/reports.js';

const KEY = 'key-of-this-domain';
export const PASSWORD = 'sesame';

export interface ToldNode {
  name: string;
  parent: string | null;
  level?: string;
  functions?: string[];
}

export class ToldDomain {
  private readonly numbers = new Map<string, number>();
  private readonly clients: PeerClient[] = [];

  private constructor(readonly oracle: RunningOracle, private readonly folder: string) {}

  static async open(): Promise<ToldDomain> {
    const folder = await mkdtemp(join(tmpdir(), 'told-'));
    await writeFile(join(folder, 'key'), KEY);
    await writeFile(join(folder, 'password'), PASSWORD);
    await writeFile(join(folder, 'oracle.yml'), 'policy: none\n');
    const oracle = await startOracle({
      host: '127.0.0.1', port: 0, domainId: 'd', peerKeyFile: join(folder, 'key'), stateDir: folder, adminPasswordFile: join(folder, 'password'),
      settingsFile: join(folder, 'oracle.yml'), log: 'silent',
    });
    return new ToldDomain(oracle, folder);
  }

  get url(): string {
    return this.oracle.url;
  }

  async register({ name, parent, level = 'edge', functions = ['cart'] }: ToldNode): Promise<void> {
    const body = { name, parent, level, functions, url: `http://127.0.0.1:1/${encodeURIComponent(name)}`, boot: 'b', deadlineMs: 600_000 };
    await this.clientOf(name).call(this.url, 'POST', '/api/v1/nodes', body);
  }

  async report(node: string, sessions: NodeReport['sessions'], given: Partial<NodeReport> = {}): Promise<void> {
    const number = (this.numbers.get(node) ?? 0) + 1;
    this.numbers.set(node, number);
    await this.clientOf(node).call(this.url, 'POST', `/api/v1/nodes/${encodeURIComponent(node)}/report`, reportOf(number, sessions, { isFull: number === 1, ...given }));
  }

  /** @param isAdmin false: without a password */
  async get<T>(path: string, isAdmin = true): Promise<{ status: number; json: T }> {
    const headers: Record<string, string> = isAdmin ? { authorization: basicHeader({ user: 'admin', password: PASSWORD }) } : {};
    const response = await fetch(this.url + path, { headers });
    return { status: response.status, json: await response.json() as T };
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await this.oracle.close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  private clientOf(node: string): PeerClient {
    const client = createPeerClient({ signer: createPeerSigner({ node, key: KEY, clock: systemClock, ids: systemIds }) });
    this.clients.push(client);
    return client;
  }
}
