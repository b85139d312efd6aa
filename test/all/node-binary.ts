/** Other versions of Node, fetched from the package registry into a cache folder when they are first needed; no dependency of anything. */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest of each line that the registry had when this was written; exact, so that a run can be repeated. */
export const NODE_VERSIONS = ['22.23.3', '24.21.0'];

/** @returns path of the binary */
export async function nodeBinary(version: string): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'test-node-versions');
  const folder = join(cache, version);
  const binary = join(folder, 'package', 'bin', 'node');
  if (await access(binary).then(() => true, () => false)) return binary;
  await mkdir(cache, { recursive: true });
  // Complete or not there at all: another run may be fetching it too.
  const fresh = await mkdtemp(join(cache, 'fetching-'));
  try {
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', fresh, `node-${process.platform}-${process.arch}@${version}`], { cwd: fresh });
    await run('tar', ['-xzf', join(fresh, stdout.trim().split('\n').at(-1)!), '-C', fresh]);
    await run(join(fresh, 'package', 'bin', 'node'), ['--version']);
    await rename(fresh, folder).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true, maxRetries: 10 });
  }
  return binary;
}
