/** The unit tests of a function's folder, each made a file that node can run wherever it lies. */
import { build, type BuildFailure } from 'esbuild';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../model/faults.js';
import { REQUIRE, sentenceOf } from './bundle.js';

const TEST = /\.test\.(ts|mts|js|mjs)$/;
const LIBRARY: Record<string, string> = { xylem: '../handler/index.js', 'xylem/testing': '../handler/testing/index.js' };

/** @returns the files to run, in `into`; none when the folder has no tests. Rejects with DEPLOY_FAILED, whose reason names file and line. */
export async function bundleTests(folder: string, into: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && TEST.test(entry.name)).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const tests = files.filter((file) => !/(^|[/\\])(node_modules|\.[^/\\]+)[/\\]/.test(relative(folder, file))).sort();
  if (tests.length === 0) return [];
  try {
    await build({
      entryPoints: tests, outdir: into, outbase: folder, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node', target: 'node20',
      // The library is this one, whatever the folder has installed: the function will run with it.
      plugins: [{
        name: 'library',
        setup: ({ onResolve }) => onResolve({ filter: /^xylem(\/testing)?$/ }, ({ path }) => ({ path: new URL(LIBRARY[path]!, import.meta.url).href, external: true })),
      }],
      banner: { js: REQUIRE }, sourcemap: 'inline', legalComments: 'none', logLevel: 'silent', tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: false } },
    });
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors;
    if (!messages) throw error;
    throw new Fault('DEPLOY_FAILED', { function: folder, reason: messages.map(sentenceOf).join('; ') });
  }
  return tests.map((file) => join(into, relative(folder, file)).replace(TEST, '.test.mjs'));
}

/** Folder of the templates that new functions are copied from. */
export function templateFolder(language: string): string {
  return fileURLToPath(new URL(`../../../template/${language}`, import.meta.url));
}
