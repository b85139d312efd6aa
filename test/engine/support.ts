/** A container engine for the tests, in a temporary folder; and images that are made on the spot, for there is no registry. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFile, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import { Agent, request } from 'undici';
import { hasEnded } from '../../runtime/base/process.js';

const run = promisify(execFile);
const START_MS = 60_000;
const REACH_MS = 20_000;
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];

export interface TestEngine {
  socket: string;
  /** Layers of images are shared, and not copied: images of some size are made in minutes. */
  sharesLayers: boolean;
  /** Makes an image: files by path, and what runs. */
  image(name: string, files: Record<string, string | Buffer>, config: { Cmd: string[]; User?: string; Env?: string[] }): Promise<void>;
  /** A program that needs nothing else: `sh`, `httpd`, `sleep`, … */
  busybox: Buffer;
  /** Of `/containers/json`, all of them. */
  containers(): Promise<{ Id: string; Names: string[]; Labels: Record<string, string>; State: string }[]>;
  api(method: 'GET' | 'POST' | 'DELETE', path: string, body?: Buffer | object): Promise<{ status: number; text: string }>;
  close(): Promise<void>;
}

/** The first shares files between an image's layers, and is not to be had on every file system; the second copies them. */
const DRIVERS = ['overlay2', 'vfs'];

/** Resolves with the reason where no engine can run. */
export async function startEngine(): Promise<TestEngine | string> {
  let reason = '';
  for (const driver of DRIVERS) {
    const started = await startWith(driver);
    if (typeof started !== 'string') return started;
    reason = started;
  }
  return reason;
}

async function startWith(driver: string): Promise<TestEngine | string> {
  if (process.env['NO_ENGINE'] === 'yes') return 'NO_ENGINE is set';
  if (process.getuid?.() !== 0) return 'an engine wants root';
  if (!await run('which', ['dockerd']).then(() => true, () => false)) return 'there is no dockerd (Debian: apt-get install docker.io)';
  const busybox = await firstOf(BUSYBOX);
  if (busybox === undefined) return 'there is no static busybox for the images (Debian: apt-get install busybox-static)';
  const folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'socket');
  const output = await open(join(folder, 'log'), 'w');
  const daemon = spawn('dockerd', [
    '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid'), '-H', `unix://${socket}`,
    '--iptables=false', '--ip6tables=false', `--storage-driver=${driver}`, '--bip', '10.213.7.1/24',
  ], { stdio: ['ignore', output.fd, output.fd], detached: true });
  await output.close();
  const close = () => end(daemon, folder);
  const problem = await answers(daemon, socket);
  if (problem !== undefined) {
    const log = await readFile(join(folder, 'log'), 'utf8');
    await close();
    return `${problem}: ${log.trim().split('\n').at(-1) ?? ''}`;
  }
  // A step of a build may say nothing for many minutes: how long is enough is the test's own time to say.
  const agent = new Agent({ connect: { socketPath: socket }, headersTimeout: 0, bodyTimeout: 0 });
  const api: TestEngine['api'] = async (method, path, body) => {
    const answer = await request(`http://engine${path}`, { method, dispatcher: agent, ...(Buffer.isBuffer(body) ? { body, headers: { 'content-type': 'application/x-tar' } } : body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    return { status: answer.statusCode, text: await answer.body.text() };
  };
  const made: TestEngine = {
    socket, sharesLayers: driver !== 'vfs', busybox, api,
    image: async (name, files, config) => {
      const [repository, tag = 'latest'] = name.split(':');
      const changes = Object.entries(config).map(([key, value]) => `changes=${encodeURIComponent(`${{ Cmd: 'CMD', User: 'USER', Env: 'ENV' }[key]} ${key === 'Env' ? (value as string[]).join(' ') : typeof value === 'string' ? value : JSON.stringify(value)}`)}`);
      const { status, text } = await api('POST', `/images/create?fromSrc=-&repo=${repository}&tag=${tag}&${changes.join('&')}`, await tarOf(files));
      if (status !== 200 || text.includes('"error"')) throw new Error(`image ${name}: ${text}`);
    },
    containers: async () => JSON.parse((await api('GET', '/containers/json?all=true')).text) as Awaited<ReturnType<TestEngine['containers']>>,
    close: async () => {
      await agent.destroy();
      await close();
    },
  };
  const obstacle = await runsContainers(made).catch((error: unknown) => (error as Error).message);
  if (obstacle === undefined) return made;
  await made.close();
  return `the engine runs no containers here: ${obstacle}`;
}

/** An engine may well answer where no container can start, or none can be reached. Resolves with the reason. */
async function runsContainers({ image, api, busybox }: TestEngine): Promise<string | undefined> {
  await image('probe:1', { 'bin/busybox': busybox }, { Cmd: ['/bin/busybox', 'httpd', '-f', '-p', '8080'] });
  const { status, text } = await api('POST', '/containers/create', { Image: 'probe:1', HostConfig: { Memory: 64 * 2 ** 20, NanoCpus: 500_000_000 } });
  if (status !== 201) return text;
  const { Id } = JSON.parse(text) as { Id: string };
  const started = await api('POST', `/containers/${Id}/start`);
  if (started.status !== 204) return started.text;
  const { NetworkSettings: { IPAddress } } = JSON.parse((await api('GET', `/containers/${Id}/json`)).text) as { NetworkSettings: { IPAddress: string } };
  let reason = 'it has no address';
  for (const untilMs = Date.now() + REACH_MS; IPAddress !== '' && Date.now() < untilMs;) {
    const answer = await request(`http://${IPAddress}:8080/`, { headersTimeout: 1_000 }).then(async ({ body }) => body.dump(), (error: unknown) => error as Error);
    reason = answer instanceof Error ? answer.message : '';
    if (reason === '') break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await api('DELETE', `/containers/${Id}?force=true`);
  return reason === '' ? undefined : `its address ${IPAddress} does not answer: ${reason}`;
}

/** Notes tests that cannot run here where CI looks for them, so that it names them. */
export async function cannotRun(title: string, reason: string): Promise<void> {
  console.log(`    not run: ${title}: ${reason}`);
  const file = process.env['NOT_RUN_FILE'];
  if (file) await appendFile(file, `${title}: ${reason}\n`);
}

async function tarOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mode: 0o755 }, content as string);
  archive.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function firstOf(files: string[]): Promise<Buffer | undefined> {
  for (const file of files) {
    const found = await readFile(file).catch(() => undefined);
    if (found && await isStatic(file)) return found;
  }
  return undefined;
}

async function isStatic(file: string): Promise<boolean> {
  const { stdout, stderr } = await run('ldd', [file]).catch((error: { stdout?: string; stderr?: string }) => ({ stdout: error.stdout ?? '', stderr: error.stderr ?? '' }));
  return /not a dynamic|statically/.test(stdout + stderr);
}

/** Resolves with what went wrong, or with undefined once the engine answers and can run a container. */
async function answers(daemon: ChildProcess, socket: string): Promise<string | undefined> {
  const agent = new Agent({ connect: { socketPath: socket } });
  let failure: string | undefined;
  daemon.once('error', (error) => { failure = error.message; });
  daemon.once('exit', (code) => { failure = `it ended with code ${code}`; });
  try {
    for (const untilMs = Date.now() + START_MS; Date.now() < untilMs && failure === undefined;) {
      const status = await request('http://engine/_ping', { dispatcher: agent }).then(async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      }, () => 0);
      if (status === 200) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return failure ?? 'it does not answer';
  } finally {
    await agent.destroy();
  }
}

async function end(daemon: ChildProcess, folder: string): Promise<void> {
  if (daemon.pid !== undefined && daemon.exitCode === null) {
    daemon.kill('SIGTERM');
    if (!await hasEnded(daemon.pid, 20_000)) daemon.kill('SIGKILL');
  }
  await run('sh', ['-c', `grep -o '${folder}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l`]).catch(() => undefined);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}
