/**
 * Takes the server out of the distribution's own signed packages without installing anything:
 * apt-get downloads and verifies them, dpkg-deb unpacks them into a folder. Needs no root.
 */
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from './command.js';

const NAMES = [['redis-server', 'redis-tools'], ['valkey-server', 'valkey-tools']];
/** Each round may bring libraries that need further ones. */
const LIBRARY_ROUNDS = 5;

/** Folders of an unpacked tree that may have libraries. */
export async function libraryPath(tree: string): Promise<string> {
  const found = await Promise.all(['usr/lib', 'lib'].map(async (below) => {
    const entries = await readdir(join(tree, below), { withFileTypes: true }).catch(() => []);
    return [join(tree, below), ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(tree, below, entry.name))];
  }));
  return found.flat().join(':');
}

/**
 * Fills `tree` (replacing it) with an unpacked server. The tree appears at once and whole; when
 * somebody else was faster, theirs is kept.
 * @param accept says whether an unpacked tree is good: undefined, or the reason why not.
 */
export async function unpackServer(tree: string, signal: AbortSignal, accept: (tree: string) => Promise<string | undefined>): Promise<void> {
  await mkdir(dirname(tree), { recursive: true, mode: 0o700 });
  const temp = await mkdtemp(`${tree}.`);
  try {
    const reasons: string[] = [];
    for (const names of NAMES) {
      const made = join(temp, names[0]!);
      const reason = await unpack(made, names, signal).then(() => accept(made), (error: Error) => error.message);
      if (reason === undefined) return await putInPlace(made, tree, accept);
      reasons.push(reason);
      signal.throwIfAborted();
    }
    throw new Error(reasons.join('; '));
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function putInPlace(made: string, tree: string, accept: (tree: string) => Promise<string | undefined>): Promise<void> {
  try {
    await rename(made, tree);
  } catch (error) {
    if (await accept(tree) === undefined) return;
    const old = await rename(tree, join(dirname(made), 'old')).then(() => true, () => false);
    if (!old) throw error;
    await rename(made, tree);
  }
}

async function unpack(tree: string, names: string[], signal: AbortSignal): Promise<void> {
  const work = `${tree}.work`;
  await Promise.all([mkdir(tree, { recursive: true, mode: 0o700 }), mkdir(join(work, 'debs'), { recursive: true })]);
  const apt = await download(work, names, signal);
  await extract(work, tree, signal);
  const binary = join(tree, 'usr/bin', names[0]!);
  for (let round = 0; round < LIBRARY_ROUNDS; round += 1) {
    const missing = await missingLibraries(binary, tree, signal);
    if (missing.length === 0) return;
    for (const library of missing) await downloadAny(apt, join(work, 'debs'), packagesOf(library), signal);
    await extract(work, tree, signal);
  }
}

/** Downloads with the system's package lists; when those are missing or out of date, with lists of our own. */
async function download(work: string, names: string[], signal: AbortSignal): Promise<string[]> {
  const cwd = join(work, 'debs');
  try {
    await runCommand('apt-get', ['download', ...names], { cwd, signal });
    return [];
  } catch {
    signal.throwIfAborted();
    const apt = await ownState(work);
    await runCommand('apt-get', [...apt, 'update'], { cwd, signal });
    await runCommand('apt-get', [...apt, 'download', ...names], { cwd, signal });
    return apt;
  }
}

/** Options that make apt-get keep everything it writes below `work`. */
async function ownState(work: string): Promise<string[]> {
  const [state, cache] = [join(work, 'state'), join(work, 'cache')];
  await Promise.all([join(state, 'lists/partial'), join(cache, 'archives/partial')].map((path) => mkdir(path, { recursive: true })));
  return [
    `Dir::State=${state}`, `Dir::State::lists=${join(state, 'lists')}`, 'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${cache}`, 'Debug::NoLocking=true', 'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option]);
}

async function downloadAny(apt: string[], cwd: string, names: string[], signal: AbortSignal): Promise<void> {
  let last: unknown;
  for (const name of names) {
    try {
      await runCommand('apt-get', [...apt, 'download', name], { cwd, signal });
      return;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Unpacks every downloaded package and removes it. */
async function extract(work: string, tree: string, signal: AbortSignal): Promise<void> {
  const debs = (await readdir(join(work, 'debs'))).filter((name) => name.endsWith('.deb')).map((name) => join(work, 'debs', name));
  for (const deb of debs) {
    await runCommand('dpkg-deb', ['-x', deb, tree], { signal });
    await rm(deb);
  }
}

async function missingLibraries(binary: string, tree: string, signal: AbortSignal): Promise<string[]> {
  const said = await runCommand('ldd', [binary], { env: { ...process.env, LD_LIBRARY_PATH: await libraryPath(tree) }, signal });
  return [...said.matchAll(/^\s*(\S+) => not found/gm)].map(([, library]) => library!);
}

/** Debian's rule: `libfoo.so.2` is in `libfoo2`, `libfoo1.so.2` in `libfoo1-2`; since the change to 64-bit time with `t64`. */
export function packagesOf(library: string): string[] {
  if (library.startsWith('libcrypto.so.')) return packagesOf(library.replace('libcrypto', 'libssl'));
  const [, name = library, version = ''] = /^(.+)\.so\.?(.*)$/.exec(library) ?? [];
  const base = `${name}${/\d$/.test(name) && version !== '' ? '-' : ''}${version}`.toLowerCase().replaceAll('_', '-');
  return [base, `${base}t64`];
}
