/**
 * Checks the import order: a folder may import only the folders listed for it, and itself.
 * Type imports count too. Prints each offence and ends with 1.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

const ALLOWED = {
  'runtime/model': [],
  'runtime/base': ['runtime/model'],
  'runtime/store': ['runtime/model', 'runtime/base'],
  'runtime/session': ['runtime/model', 'runtime/base', 'runtime/store'],
  'runtime/offload': ['runtime/model', 'runtime/base', 'runtime/store', 'runtime/session'],
  'runtime/handler': ['runtime/model', 'runtime/base', 'runtime/store', 'runtime/session', 'runtime/offload'],
  'runtime/telemetry': ['runtime/model', 'runtime/base'],
  'runtime/report': ['runtime/model', 'runtime/base', 'runtime/store', 'runtime/session'],
  'runtime/gateway': ['runtime/model', 'runtime/base', 'runtime/store', 'runtime/session', 'runtime/offload', 'runtime/handler', 'runtime/telemetry', 'runtime/report'],
  // node.ts and agent.ts: the only files that construct long-lived things.
  runtime: ['runtime/model', 'runtime/base', 'runtime/store', 'runtime/session', 'runtime/offload', 'runtime/handler', 'runtime/telemetry', 'runtime/report', 'runtime/gateway'],
  oracle: ['runtime/model', 'runtime/base'],
  cli: ['runtime/model', 'runtime/base'],
};

const folderOf = (file) => Object.keys(ALLOWED).filter((folder) => file.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0];

const files = (await Promise.all(['runtime', 'oracle', 'cli'].map(async (root) =>
  (await readdir(root, { recursive: true }).catch(() => [])).filter((name) => name.endsWith('.ts')).map((name) => join(root, name))))).flat();

let offences = 0;
for (const file of files) {
  const source = await readFile(file, 'utf8');
  for (const [, specifier] of source.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = normalize(join(dirname(file), specifier));
    const [from, to] = [folderOf(file), folderOf(target)];
    if (from === to || (to && ALLOWED[from].includes(to))) continue;
    console.error(`${file} must not import ${specifier}: ${from} may import ${ALLOWED[from].join(', ') || 'nothing else'}`);
    offences += 1;
  }
}
console.log(`${files.length} files, ${offences} offences against the import order`);
process.exit(offences ? 1 : 0);
