/** Scripts as people write them for EDGELESS's key-value proxy, with the real redis-cli; and an oracle that is killed with intents in its queue. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { access, chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DomainRecord } from '../../cli/state.js';
import { basicHeader } from '../../runtime/base/credentials.js';
import { domainNamespace, lidOf, nodeId } from '../../runtime/base/ids.js';
import { listDomain } from '../cli/list-domain.js';
import { Shell } from '../cli/support.js';
import { requireServer, startServer, type TestServer } from '../redis/server.js';

interface Intent {
  id: string;
  wish: { kind: string; session?: string; to?: string };
  by: string;
  state: string;
  answer?: string;
}

const run = promisify(execFile);
const NAMESPACE = domainNamespace('local');

describe('tools made for EDGELESS', function suite() {
  this.timeout(240_000);
  let shell: Shell;
  let redis: TestServer;
  let record: DomainRecord;
  let authorization: string;
  let path: string;

  before(async () => {
    [shell, redis] = await Promise.all([Shell.open(), startServer()]);
    path = await withRedisCli();
    await shell.write(listDomain({ leaf: 'name: leaf, labels: {zone: north}', oracle: `policy: none\nproxy:\n  proxy_type: Redis\n  redis_url: ${redis.server.url}\n` }));
    await shell.up('--store', 'embedded');
    record = await shell.record();
    authorization = basicHeader({ user: 'admin', password: await shell.password() });
    await call('anna');
  });
  after(async () => {
    await shell?.close();
    await redis?.end();
  });

  /** `redis-cli` as scripts call it: it knows where the server is. */
  async function withRedisCli(): Promise<string> {
    const server = await requireServer();
    const cli = join(dirname(server.binary), 'redis-cli');
    await access(cli);
    const bin = join(shell.folder, 'bin');
    await mkdir(bin);
    const environment = Object.entries(server.env).map(([name, value]) => `export ${name}='${value}'\n`).join('');
    await writeFile(join(bin, 'redis-cli'), `#!/bin/sh\n${environment}exec '${cli}' -s '${new URL(redis.server.url.replace(/^redis\+unix:/, 'unix:')).pathname}' "$@"\n`);
    await chmod(join(bin, 'redis-cli'), 0o755);
    return `${bin}:${process.env['PATH']}`;
  }

  const sh = async (command: string) => (await run('bash', ['-c', command], { env: { ...process.env, PATH: path } })).stdout;
  const script = async (name: string, ...args: string[]) => (await run('bash', [resolve('test/oracle/tools', name), ...args], { env: { ...process.env, PATH: path } })).stdout;
  const call = (session: string) => fetch(`${record.nodes.find(({ name }) => name === 'leaf')!.url}/function/list`, { method: 'POST', headers: { 'X-session': session } });

  async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const found = await ask().catch(() => undefined);
      if (found !== undefined) return found;
      await pause(50);
    }
  }

  async function intents(): Promise<Intent[]> {
    const response = await fetch(`${record.oracleUrl}/api/v1/intents`, { headers: { authorization } });
    return (await response.json() as { intents: Intent[] }).intents;
  }

  async function ask(body: object): Promise<Intent> {
    const response = await fetch(`${record.oracleUrl}/api/v1/intents`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return await response.json() as Intent;
  }

  /** Its process, found by its configuration. */
  async function oraclePid(): Promise<number | undefined> {
    const config = join(shell.folder, '.state/oracle/config.json');
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.includes('oracle/oracle.js') && line.includes(config)) return Number(pid);
    }
    return undefined;
  }

  async function kill(): Promise<void> {
    const pid = await until(oraclePid);
    process.kill(pid, 'SIGKILL');
    await until(async () => await oraclePid() === pid ? undefined : true);
  }

  const domainAnswers = () => until(async () => (await fetch(`${record.oracleUrl}/healthz`)).ok || undefined);

  it('explore the mirror with the one-liners of its guide', async () => {
    const lid = lidOf('anna', NAMESPACE);
    // One kind of key is written after the other, and what nodes say meanwhile comes with the next refresh.
    const wanted = ['domain_info:domain_id', `instance:${lid}`, ...['leaf', 'top'].map((name) => `node:capabilities:${nodeId(name, NAMESPACE)}`), `node:health:${nodeId('leaf', NAMESPACE)}`, 'provider:leaf-gateway', 'instance:last_update'];
    await until(async () => {
      const keys = (await sh("redis-cli --scan --pattern '*' | sort")).trim().split('\n');
      return wanted.every((key) => keys.includes(key)) || undefined;
    });
    await until(async () => (await sh(`redis-cli get instance:${lid}`)).includes('"list"') || undefined);
    expect(await sh('redis-cli type domain_info:domain_id')).to.equal('string\n');
    expect(await sh('redis-cli get domain_info:domain_id')).to.equal('local\n');
    const health = await sh(`redis-cli --raw zrange node:health:${nodeId('leaf', NAMESPACE)} -1 -1`);
    expect(JSON.parse(health)).to.include.keys('mem_free', 'load_avg_1');
    const { Function: [{ code }] } = JSON.parse(await sh(`redis-cli get instance:${lid}`)) as { Function: [{ code: { function_class_id: string } }] };
    expect(code.function_class_id).to.equal('list');
  });

  it('dump all of it, whatever its type', async () => {
    const dumped = await script('dump.sh');
    expect(dumped).to.match(/^== domain_info:domain_id \(string\)\nlocal$/m);
    expect(dumped).to.match(/^== node:health:[0-9a-f-]+ \(zset\)\n"{/m);
    expect(dumped).to.not.include('nothing here knows');
  });

  it('move sessions as a delegated orchestrator', async () => {
    const top = nodeId('top', NAMESPACE);
    const lid = lidOf('anna', NAMESPACE);
    expect(await script('orchestrate.sh', 'list', 'level=cloud')).to.include(`${lid} -> ${top}\n`);
    await until(async () => (await sh(`redis-cli get instance:${lid}`)).includes(`node_id: ${top}`) || undefined);
    // The word of its new holder comes by another way than the end of what was asked for.
    await until(async () => (await sh(`redis-cli exists intents intent:migrate:${lid}`)) === '0\n' || undefined);
    await until(async () => (await intents()).every(({ state }) => state === 'done') || undefined);
    expect((await call('anna')).headers.get('x-session-location')).to.equal('top');
    expect((await intents()).map(({ by, state }) => [by, state])).to.deep.equal([['mirror', 'done']]);
  });

  it('find what they asked for done or refused, once, although the oracle was killed before it could', async () => {
    await kill();
    await domainAnswers();
    // A new oracle listens to the nodes before it moves anybody: until then these wait.
    const down = await until(() => ask({ kind: 'migrate', session: 'anna', to: 'leaf' }));
    const nobody = await until(() => ask({ kind: 'migrate', session: 'nobody', to: 'top' }));
    await kill();
    const lid = lidOf('anna', NAMESPACE);
    await sh(`redis-cli set intent:cordon:${nodeId('leaf', NAMESPACE)} x; redis-cli rpush intents intent:cordon:${nodeId('leaf', NAMESPACE)}`);
    await domainAnswers();
    const ended = await until(async () => {
      const all = await intents();
      return [down.id, nobody.id].every((id) => all.some((each) => each.id === id && /done|refused/.test(each.state))) && all.some(({ wish, state }) => wish.kind === 'cordon' && state === 'done') ? all : undefined;
    });
    const moved = ended.filter(({ id }) => id === down.id);
    expect(moved).to.have.length(1);
    expect(moved[0]!.state).to.equal('done');
    // It may have begun before the oracle was killed: the nodes end it by themselves.
    expect(moved[0]!.answer).to.match(/^it is at leaf (now|already)$/);
    expect(ended.filter(({ id }) => id === nobody.id).map(({ state, answer }) => [state, answer])).to.deep.equal([['refused', 'no node has reported this session']]);
    expect((await call('anna')).headers.get('x-session-location')).to.equal('leaf');
    await until(async () => (await sh(`redis-cli get instance:${lid}`)).includes(`node_id: ${nodeId('leaf', NAMESPACE)}`) || undefined);
    // What became of them is known after one more crash, as soon as it is on the oracle's disk.
    const kept = join(shell.folder, '.state/oracle/intents.json');
    await until(async () => {
      const onDisk = (JSON.parse(await readFile(kept, 'utf8')) as { ended: Intent[] }).ended;
      return ended.every(({ id }) => onDisk.some((each) => each.id === id)) || undefined;
    });
    await kill();
    await domainAnswers();
    const after = await intents();
    for (const { id, state, answer } of ended) expect(after.filter((each) => each.id === id).map((each) => [each.state, each.answer])).to.deep.equal([[state, answer]]);
  });
});
