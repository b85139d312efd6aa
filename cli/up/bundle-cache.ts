/**
 * Bundles of functions that have not changed since the last start. A bundle is taken again only while every file
 * it was made of is as it was: the function's folder, what it imports from elsewhere, and the handler library.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bundle } from '../../runtime/base/bundle.js';
import { bundleOf } from '../deploy.js';
import { product } from '../product.js';
import type { StackFunction } from './stack.js';

/** A folder of more files is bundled afresh each time: looking at all of them would take as long. */
const MAX_FILES = 2_000;
const LIBRARY = ['model', 'base', 'session', 'handler'].map((name) => fileURLToPath(new URL(`../../runtime/${name}`, import.meta.url)));

interface Kept {
  /** Digest of the folder and the library. */
  key: string;
  /** Files from outside the folder, or from its packages, each with its digest. */
  outside: Record<string, string>;
  sha256: string;
}

export class BundleCache {
  private readonly library: Promise<string | undefined>;

  constructor(private readonly folder: string) {
    this.library = digestOfFolders(LIBRARY);
  }

  /** Rejects as the bundler does. */
  async bundle(given: StackFunction): Promise<Bundle> {
    const [library, source] = await Promise.all([this.library, digestOfFolders([given.folder])]);
    const key = library && source && digest([product().version, library, source].join('\n'));
    const kept = key === undefined ? undefined : await this.kept(given.name, key);
    if (kept) return kept;
    const bundle = await bundleOf(given);
    if (key !== undefined) await this.keep(given.name, key, bundle).catch(() => undefined);
    return bundle;
  }

  /** Undefined unless everything is as it was; a torn or foreign file counts as none. */
  private async kept(name: string, key: string): Promise<Bundle | undefined> {
    try {
      const { key: madeFor, outside, sha256 } = JSON.parse(await readFile(this.noteOf(name), 'utf8')) as Kept;
      if (madeFor !== key) return undefined;
      const now = await Promise.all(Object.keys(outside).map(digestOfFile));
      if (Object.values(outside).some((was, index) => was !== now[index])) return undefined;
      const code = await readFile(this.codeOf(name));
      return digest(code) === sha256 ? { sha256, code, inputs: Object.keys(outside) } : undefined;
    } catch {
      return undefined;
    }
  }

  private async keep(name: string, key: string, { sha256, code, inputs }: Bundle): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const outside = Object.fromEntries(await Promise.all(inputs.map(async (file) => [file, await digestOfFile(file)] as const)));
    await writeFile(this.codeOf(name), code);
    await writeFile(this.noteOf(name), JSON.stringify({ key, outside, sha256 } satisfies Kept));
  }

  private noteOf(name: string): string {
    return join(this.folder, `${encodeURIComponent(name)}.json`);
  }

  private codeOf(name: string): string {
    return join(this.folder, `${encodeURIComponent(name)}.mjs`);
  }
}

/** Names and contents of all files but installed packages, which are watched one by one; undefined when there are too many or none. */
async function digestOfFolders(folders: string[]): Promise<string | undefined> {
  const names = (await Promise.all(folders.map((folder) => filesBelow(folder)))).flat().sort();
  if (names.length === 0 || names.length > MAX_FILES) return undefined;
  const digests = await Promise.all(names.map(async (name) => `${name} ${await digestOfFile(name)}`));
  return digest(digests.join('\n'));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const lists = await Promise.all(entries.map((entry) => {
    if (!entry.isDirectory()) return [join(folder, entry.name)];
    return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : filesBelow(join(folder, entry.name));
  }));
  return lists.flat();
}

async function digestOfFile(file: string): Promise<string> {
  return digest(await readFile(file));
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
