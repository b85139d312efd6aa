/** Finds a Redis (7.0 or newer) or Valkey server to run: installed, cached, or from the distribution's packages. */
import { access, constants, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import type { FoundServer } from '../../model/config.js';
import { FIND_SERVER_MS } from '../../model/limits.js';
import { inspectBinary, type ServerBinary } from './binary.js';
import { libraryPath, unpackServer } from './packages.js';

const PROGRAMS = ['redis-server', 'valkey-server'];

export interface FindOptions {
  /** Where to look for an installed server, as PATH. */
  path?: string;
  /** Folder for the unpacked server; default `$XDG_CACHE_HOME/edge-sessions/redis`. */
  cacheDir?: string;
  /** False looks only at what is there already. */
  download?: boolean;
  timeoutMs?: number;
  /** There is none here: packages are about to be downloaded, which takes long. */
  onFetch?(): void;
}

export type { FoundServer };

/** Never rejects: without a server it says why none can be had, in one sentence. */
export async function findServer(options: FindOptions = {}): Promise<FoundServer> {
  const { path = process.env.PATH ?? '', cacheDir = defaultCacheDir(), download = true, timeoutMs = FIND_SERVER_MS, onFetch } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  const reasons: string[] = [];
  const installed = await findInstalled(path, signal, reasons);
  if (installed) return { found: true, server: installed };
  const tree = join(cacheDir, await systemName());
  const cached = await inspectTree(tree, 'cache', signal);
  if (typeof cached !== 'string') return { found: true, server: cached };
  try {
    const server = download ? await fetchServer(tree, signal, onFetch) : cached;
    if (typeof server !== 'string') return { found: true, server };
    reasons.push(server);
  } catch (error) {
    reasons.push(signal.aborted ? `the packages did not come within ${timeoutMs / 1000} s` : (error as Error).message);
  }
  return { found: false, reason: `No Redis 7.0 or newer and no Valkey server can be had: ${reasons.join('; ')}` };
}

async function findInstalled(path: string, signal: AbortSignal, reasons: string[]): Promise<ServerBinary | undefined> {
  for (const folder of path.split(delimiter).filter((name) => isAbsolute(name))) {
    for (const program of PROGRAMS) {
      const binary = join(folder, program);
      if (!await isExecutable(binary)) continue;
      const found = await inspectBinary(binary, {}, 'path', signal);
      if (typeof found !== 'string') return found;
      reasons.push(found);
    }
  }
  if (reasons.length === 0) reasons.push('none on PATH');
  return undefined;
}

async function inspectTree(tree: string, source: ServerBinary['source'], signal: AbortSignal): Promise<ServerBinary | string> {
  const env = { LD_LIBRARY_PATH: await libraryPath(tree) };
  for (const program of PROGRAMS) {
    const binary = join(tree, 'usr/bin', program);
    if (await isExecutable(binary)) return inspectBinary(binary, env, source, signal);
  }
  return `none in ${tree}`;
}

async function fetchServer(tree: string, signal: AbortSignal, onFetch?: () => void): Promise<ServerBinary | string> {
  if (process.platform !== 'linux') return 'install one with the system\'s package manager (e.g. brew install valkey)';
  const hasTools = await Promise.all(['/usr/bin/apt-get', '/usr/bin/dpkg-deb'].map(isExecutable));
  if (hasTools.includes(false)) return 'this system has no apt-get to take one from; install the package redis or valkey';
  onFetch?.();
  await unpackServer(tree, signal, async (made) => {
    const server = await inspectTree(made, 'packages', signal);
    return typeof server === 'string' ? server : undefined;
  });
  return inspectTree(tree, 'packages', signal);
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(() => true, () => false);
}

function defaultCacheDir(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'edge-sessions', 'redis');
}

/** A home folder may be shared by machines of several systems: `debian-12-x64`. */
async function systemName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string) => new RegExp(`^${name}="?([\\w.-]+)"?$`, 'm').exec(release)?.[1];
  return [field('ID') ?? process.platform, field('VERSION_ID') ?? '0', process.arch].join('-');
}
