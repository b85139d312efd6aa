/** From a build's context to a bundle: which template it was made of says how its handler is called. */
import { execFile } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Bundle, bundleFunction } from '../../base/bundle.js';
import { Fault } from '../../model/faults.js';
import { MAX_BUILD_MS } from '../../model/limits.js';
import { passedOn } from '../../handler/process/host.js';

const EVENT_ENTRY = 'event-entry.mjs';
const OURS = /^node-offload(?:-js)?$/;
/** OpenFaaS's templates with `(event, context)` handlers. */
const EVENTS = /^node(?:1[0-9]|2[0-9])?(?:-express)?(?:-armhf|-arm64)?$/;

/** Rejects with BUILD_INVALID for a template that is not known, DEPLOY_FAILED for code that is wrong. */
export async function makeBundle(context: string, name: string, say: (line: string) => void): Promise<Bundle> {
  const language = await languageOf(context);
  say(`template ${language}`);
  await install(join(context, 'function'), say);
  if (OURS.test(language)) return bundleFunction(context, name);
  const handler = await firstOf(context, ['function/handler.js', 'function/handler.mjs', 'function/handler.cjs', 'function/index.js']);
  await writeFile(join(context, EVENT_ENTRY), `import { eventFunction } from 'xylem';\nimport * as module from './${handler}';\nexport default eventFunction(module);\n`);
  return bundleFunction(context, name, { entry: EVENT_ENTRY });
}

async function languageOf(context: string): Promise<string> {
  const text = await readFile(join(context, 'template.yml'), 'utf8').catch(() => undefined);
  if (text === undefined) throw invalid('the context has no template.yml: it is made of no template');
  const language = /^language:\s*["']?([\w.-]+)/m.exec(text)?.[1] ?? '';
  if (OURS.test(language) || EVENTS.test(language)) return language;
  throw invalid(`the template ${language || '(without a language)'} is not built here: node-offload, node-offload-js and OpenFaaS's node20, node22 are`);
}

async function firstOf(context: string, files: string[]): Promise<string> {
  for (const file of files) if (await access(join(context, file)).then(() => true, () => false)) return file;
  throw invalid(`the context has none of ${files.join(', ')}`);
}

/** Packages of the function that did not come with it. Their scripts do not run. */
async function install(folder: string, say: (line: string) => void): Promise<void> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  let wanted: string[];
  try {
    wanted = Object.keys((JSON.parse(text) as { dependencies?: object }).dependencies ?? {}).filter((name) => name !== 'xylem');
  } catch (cause) {
    throw new Fault('BUILD_INVALID', { reason: 'function/package.json is not JSON' }, { cause });
  }
  const isHere = await Promise.all(wanted.map((name) => access(join(folder, 'node_modules', name)).then(() => true, () => false)));
  if (isHere.every(Boolean)) return;
  say(`npm install: ${wanted.join(', ')}`);
  try {
    await promisify(execFile)('npm', ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder, timeout: MAX_BUILD_MS, env: passedOn(process.env),
    });
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    throw new Fault('BUILD_INVALID', { reason: `its packages could not be installed: ${stderr.trim().split('\n')[0] || 'npm failed'}` }, { cause });
  }
}

function invalid(reason: string): Fault {
  return new Fault('BUILD_INVALID', { reason });
}
