/** `function new` and `function test`: a folder to write a function in, and its unit tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleTests, templateFolder } from '../runtime/base/bundle-tests.js';
import { CliFailure, EXIT, wrongUsage } from './failure.js';
import { product, spelled } from './product.js';

const TEMPLATES: Record<string, string> = { ts: 'node-offload', js: 'node-offload-js' };
/** This package, as `npm install` of the new function takes it. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url)).replace(/[/\\]$/, '');

export async function newFunction(folder: string, { language = 'ts' }: { language?: string }): Promise<void> {
  const template = TEMPLATES[language];
  if (template === undefined) throw wrongUsage(`--language is ${Object.keys(TEMPLATES).join(' or ')}`);
  const path = resolve(folder);
  if (await exists(path)) throw wrongUsage(`there is a ${folder} already`);
  await cp(templateFolder(template), path, { recursive: true, filter: (source) => !/[/\\]node_modules$/.test(source) });
  const manifest = join(path, 'function', 'package.json');
  const given = JSON.parse(await readFile(manifest, 'utf8')) as Record<string, object>;
  const { name } = product();
  const devDependencies = { ...given['devDependencies'], [name]: `file:${PACKAGE}` };
  await writeFile(manifest, `${JSON.stringify({ ...given, name: basename(path), devDependencies }, undefined, 2)}\n`);
  console.log(`${join(folder, 'function', `handler.${language}`)} is the function, ${join(folder, 'README.md')} says what it may use
${spelled(`function test ${folder}`)}
${spelled(`function deploy ${folder}`)}`);
}

/** Ends with what `node --test` ends with. */
export async function testFunction(folder: string): Promise<void> {
  const path = resolve(folder);
  if (!await exists(path)) throw wrongUsage(`there is no ${path}`);
  const into = await mkdtemp(join(tmpdir(), 'function-tests-'));
  try {
    const files = await bundleTests(path, into);
    if (files.length === 0) throw new CliFailure(`${relative('', path) || '.'} has no tests: files such as handler.test.ts`);
    const child = spawn(process.execPath, ['--enable-source-maps', '--test', ...files], { cwd: path, stdio: 'inherit' });
    const [code] = await once(child, 'exit') as [number | null];
    if (code !== 0) process.exitCode = EXIT.refused;
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}
