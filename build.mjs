/** Compiles every TypeScript file to dist/ with the same tree, copies what is not code beside it, and removes what has no source any more. */
import { build } from 'esbuild';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const SOURCES = ['runtime', 'oracle', 'cli', 'functions', 'test', 'bench'];
const COPIED = /\.(lua|html|css|svg)$/;

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Runs in browsers: one script and one style sheet, with the libraries that it uses. */
const PAGE = join('oracle', 'dashboard', 'page');
const inPage = (file) => file.startsWith(PAGE) && !file.endsWith('.html');

const files = (await Promise.all(SOURCES.map(filesBelow))).flat();
const code = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !inPage(file));
const copied = files.filter((file) => COPIED.test(file) && !inPage(file));
await build({
  entryPoints: code, outdir: 'dist', outbase: '.', format: 'esm', platform: 'node', target: 'node20',
  sourcemap: 'linked', logLevel: 'warning',
});
await build({
  entryPoints: { page: join(PAGE, 'main.ts') }, outdir: join('dist', PAGE), bundle: true, minify: true, format: 'iife', platform: 'browser',
  target: ['chrome119', 'firefox121', 'safari17'], tsconfigRaw: {}, legalComments: 'inline', logLevel: 'warning',
});
await Promise.all(copied.map((file) => cp(file, join('dist', file))));

const made = new Set([...code.map((file) => file.replace(/\.ts$/, '.js')), ...copied, join(PAGE, 'page.js'), join(PAGE, 'page.css')].map((file) => join('dist', file)));
const stale = (await filesBelow('dist')).filter((file) => !made.has(file.replace(/\.map$/, '')));
await Promise.all(stale.map((file) => rm(file)));
