/** The packages that a function's package.json names, installed by npm: no code of theirs runs, and it takes only so long and so much. */
import { type ChildProcess, spawn } from 'node:child_process';
import { access, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, pause } from '../../base/clock.js';
import { Fault } from '../../model/faults.js';
import { MAX_BUILD_FILES, MAX_BUILD_MS, MAX_BUILD_UNPACKED_BYTES } from '../../model/limits.js';
import { passedOn } from '../../handler/process/host.js';
import { createReaper } from '../../handler/process/reaper.js';

export interface InstallLimits {
  ms: number;
  bytes: number;
  files: number;
}

/** Where the operator's npm finds its registry, its cache and the way out; of the node's other settings it learns nothing. */
const FOR_NPM = /^(?:https?_proxy|no_proxy|home|ssl_cert_(?:file|dir)|npm_config_(?:registry|cache|userconfig|globalconfig|cafile|proxy|https_proxy|noproxy|offline|prefer_offline))$/i;
/** Of an .npmrc that comes with a function: where packages are, and the token to get them. Others could lead npm out of its folder. */
const TAKEN = /^\s*(?:(?:@[\w.-]+:)?registry|\/\/[^=]+:(?:_authToken|_auth|username|_password|email|always-auth)|legacy-peer-deps)\s*=/;
/** What a package.json names packages in that npm installs. */
const NAMED_IN = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json'];
const LOOK_EVERY_MS = 500;
const MAX_ERROR_CHARS = 16 * 1024;
const LIMITS: InstallLimits = { ms: MAX_BUILD_MS, bytes: MAX_BUILD_UNPACKED_BYTES, files: MAX_BUILD_FILES };

/** @param context whose folder function/ has the package.json. Rejects with BUILD_INVALID. */
export async function installPackages(context: string, say: (line: string) => void, clock: Clock, limits = LIMITS): Promise<void> {
  const folder = join(context, 'function');
  const described = await descriptionOf(folder);
  const wanted = Object.entries(described.dependencies).map(([name, from]): [string, string] => [name, String(from)]);
  const isHere = await Promise.all(wanted.map(([name]) => access(join(folder, 'node_modules', name)).then(() => true, () => false)));
  if (isHere.every(Boolean)) return;
  for (const [name, from] of sourcesOf(described)) assertTaken(name, from);
  await Promise.all([context, folder].map(keepToRegistries));
  // What it is tested with, and by which scripts, is no part of what runs.
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...described, devDependencies: {}, scripts: {}, workspaces: undefined }));
  for (const lock of LOCKS) if (await leadsOut(join(folder, lock))) await rm(join(folder, lock));
  say(`npm install: ${wanted.map(([name, from]) => `${name}@${from}`).join(', ').slice(0, 1_000)}`);
  await runNpm(folder, clock, limits);
}

interface Description extends Partial<Record<(typeof NAMED_IN)[number], Record<string, unknown>>> {
  dependencies: Record<string, unknown>;
  overrides?: unknown;
}

/** Without the handler library, which every bundle has its copy of. */
async function descriptionOf(folder: string): Promise<Description> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new Fault('BUILD_INVALID', { reason: 'function/package.json is not JSON' }, { cause });
  }
  if (!isRecord(given)) throw invalid('function/package.json is not an object');
  for (const field of NAMED_IN) if (given[field] !== undefined && !isRecord(given[field])) throw invalid(`${field} in function/package.json is not an object`);
  const { xylem: _, ...dependencies } = (given as Partial<Description>).dependencies ?? {};
  return { ...given, dependencies };
}

/** Every place that npm is told to take a package from; an override may say another one, and be nested. */
function* sourcesOf(described: Description): Iterable<[name: string, from: string]> {
  for (const field of NAMED_IN) for (const [name, from] of Object.entries(described[field] ?? {})) yield [name, String(from)];
  yield* overridesOf(described.overrides);
}

function* overridesOf(overrides: unknown): Iterable<[name: string, from: string]> {
  for (const [name, from] of isRecord(overrides) ? Object.entries(overrides) : []) {
    if (isRecord(from)) yield* overridesOf(from);
    else yield [name, String(from)];
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** npm writes into the folders that a lock links to. */
async function leadsOut(lock: string): Promise<boolean> {
  const text = await readFile(lock, 'utf8').catch(() => '{}');
  try {
    const { packages = {} } = JSON.parse(text) as { packages?: Record<string, { link?: boolean; resolved?: string }> };
    return Object.values(packages).some(({ link, resolved = '' }) => link === true && isOutside(resolved));
  } catch {
    return true;
  }
}

function isOutside(from: string): boolean {
  const path = from.replace(/^(?:file|link):/, '');
  return path.startsWith('/') || path.split(/[/\\]/).includes('..');
}

function assertTaken(name: string, from: string): void {
  const isGit = /^(?:git[+:@]|git@|ssh:|github:|gitlab:|bitbucket:|gist:|[\w.-]+\/[\w.-]+(?:#.*)?$)/.test(from) && !/^\.{0,2}\//.test(from) || /\.git(?:#|$)/.test(from);
  if (isGit) throw invalid(`the package ${name} is to come from git (${from}); what a registry has, a URL of an archive, or a file of the function is taken`);
  const isFile = /^(?:file|link):/.test(from) || /^\.{0,2}\//.test(from);
  if (isFile && isOutside(from)) throw invalid(`the package ${name} is to come from ${from}, which leads out of the function's folder`);
}

async function keepToRegistries(folder: string): Promise<void> {
  const file = join(folder, '.npmrc');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== undefined) await writeFile(file, text.split('\n').filter((line) => TAKEN.test(line)).join('\n'));
}

async function runNpm(folder: string, clock: Clock, limits: InstallLimits): Promise<void> {
  const npm = spawn('npm', [
    'install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--no-workspaces', '--no-global', '--install-links', '--loglevel=error',
  ], { cwd: folder, env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
  // It is not to go on without the node.
  const reaper = npm.pid === undefined ? undefined : createReaper();
  reaper?.born(npm.pid!);
  let said = '';
  const ended = new Promise<number | null | Error>((resolve) => npm.on('error', resolve).once('close', resolve));
  npm.stderr?.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(0, MAX_ERROR_CHARS); });
  const problem = await bounded(npm, ended, folder, clock, limits);
  const code = await ended;
  reaper?.died(npm.pid!);
  reaper?.close();
  if (problem !== undefined) throw invalid(`its packages could not be installed: ${problem}`);
  if (code !== 0) throw invalid(`its packages could not be installed: ${code instanceof Error ? `npm cannot be run here: ${code.message}` : reasonOf(said)}`);
}

/** Also for the npm that npm starts for a package from git: there only the environment reaches. */
function environment(): Record<string, string> {
  const operators = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && FOR_NPM.test(entry[0]));
  return { ...passedOn(process.env), NODE_OPTIONS: '', ...Object.fromEntries(operators), npm_config_ignore_scripts: 'true', npm_config_git: 'no-git-here' };
}

/** Resolves when it has ended; with the reason where it was ended. */
async function bounded(npm: ChildProcess, ended: Promise<unknown>, folder: string, clock: Clock, limits: InstallLimits): Promise<string | undefined> {
  let [isLate, isOver] = [false, false];
  const late = clock.setTimeout(() => { isLate = true; }, limits.ms);
  const over = ended.then(() => { isOver = true; });
  for (;;) {
    // The last look comes after its end.
    const isLast = isOver;
    const problem = await room(folder, limits) ?? (isLate ? `it took longer than ${limits.ms} ms` : undefined);
    if (problem !== undefined) npm.kill('SIGKILL');
    if (problem !== undefined || isLast) {
      clock.clearTimeout(late);
      return problem;
    }
    await Promise.race([over, pause(clock, LOOK_EVERY_MS)]);
  }
}

/** Undefined while it takes no more than it may. */
async function room(folder: string, { bytes, files }: InstallLimits): Promise<string | undefined> {
  let [size, count] = [0, 0];
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) size += await stat(path).then((one) => one.size, () => 0);
      count += 1;
      if (size > bytes) return `they are larger than ${bytes} bytes`;
      if (count > files) return `they are more than ${files} files and folders`;
    }
  }
  return undefined;
}

/** npm's own sentence, without its log's place and prefixes. */
function reasonOf(said: string): string {
  const lines = said.split('\n').map((line) => line.replace(/^npm (?:error|ERR!)\s*/i, '').trim()).filter((line) => line !== '' && !/^code\b|A complete log|debug-\d|\.log$/.test(line));
  const code = /^npm (?:error|ERR!) code (\w+)/im.exec(said)?.[1];
  return `${code === undefined ? '' : `${code}: `}${lines.slice(0, 2).join(' ') || 'npm failed'}`;
}

function invalid(reason: string): Fault {
  return new Fault('BUILD_INVALID', { reason });
}
