/** From a build's context to a bundle: which template it was made of says how its handler is called. */
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { type Bundle, bundleFunction } from '../../base/bundle.js';
import { Fault } from '../../model/faults.js';
import { MAX_COMMAND_BODY_BYTES } from '../../model/limits.js';
import { installPackages } from './packages.js';

const EVENT_ENTRY = 'event-entry.mjs';
const OURS = /^node-offload(?:-js)?$/;
/** OpenFaaS's templates with `(event, context)` handlers. */
const EVENTS = /^node(?:1[0-9]|2[0-9])?(?:-express)?(?:-armhf|-arm64)?$/;

/** Rejects with BUILD_INVALID for a template that is not known, DEPLOY_FAILED for code that is wrong. */
export async function makeBundle(context: string, name: string, say: (line: string) => void, clock: Clock): Promise<Bundle> {
  const language = await languageOf(context);
  say(`template ${language}`);
  await installPackages(context, say, clock);
  if (OURS.test(language)) return bundleFunction(context, name, { keptWithin: context });
  const handler = await firstOf(context, ['function/handler.js', 'function/handler.mjs', 'function/handler.cjs', 'function/index.js']);
  await writeFile(join(context, EVENT_ENTRY), `import { eventFunction } from 'xylem';\nimport * as module from './${handler}';\nexport default eventFunction(module);\n`);
  return bundleFunction(context, name, { entry: EVENT_ENTRY, keptWithin: context });
}

async function languageOf(context: string): Promise<string> {
  const file = join(context, 'template.yml');
  const isSmall = await stat(file).then(({ size }) => size <= MAX_COMMAND_BODY_BYTES, () => false);
  const text = isSmall ? await readFile(file, 'utf8') : undefined;
  if (text === undefined) throw invalid('the context has no template.yml: it is made of no template');
  const language = /^language:\s*["']?([\w.-]+)/m.exec(text)?.[1] ?? '';
  if (OURS.test(language) || EVENTS.test(language)) return language;
  throw invalid(`the template ${language || '(without a language)'} is not built here: node-offload, node-offload-js and OpenFaaS's node20, node22 are`);
}

async function firstOf(context: string, files: string[]): Promise<string> {
  for (const file of files) if (await access(join(context, file)).then(() => true, () => false)) return file;
  throw invalid(`the context has none of ${files.join(', ')}`);
}

function invalid(reason: string): Fault {
  return new Fault('BUILD_INVALID', { reason });
}
