/**
 * Makes one ES module of a function's folder: the code, the packages it imports and its copy of the
 * handler library, with node's own modules left outside. The same folder gives the same bytes anywhere.
 */
import { build, type BuildFailure, type Message, type Plugin } from 'esbuild';
import { createHash } from 'node:crypto';
import { access, realpath } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../model/faults.js';

export interface Bundle {
  /** Hex digest of `code`, its name everywhere. */
  sha256: string;
  code: Buffer;
  /** Files that it was made of, without the library's. */
  inputs: string[];
}

/** In this order; a template keeps the author's part in function/. */
const ENTRIES = ['function/handler.ts', 'function/handler.js', 'function/handler.mjs', 'handler.ts', 'handler.js', 'handler.mjs'];
const LIBRARY = fileURLToPath(new URL('../handler/index.js', import.meta.url));
const LIBRARY_NAMESPACE = 'library';
/** CommonJS packages inside the bundle call `require` for node's own modules. */
export const REQUIRE = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

export interface BundleOptions {
  /** The file that exports the handler, where it is none of the usual ones. */
  entry?: string;
  /** Folder that no import leads out of; missing: what the code may read is its author's affair. */
  keptWithin?: string;
}

/** Rejects with DEPLOY_FAILED, whose reason names file and line of what is wrong. */
export async function bundleFunction(folder: string, name = folder, options: BundleOptions = {}): Promise<Bundle> {
  const root = resolve(folder);
  const entry = options.entry === undefined ? await findEntry(root, name) : join(root, options.entry);
  try {
    const library = await bundleLibrary();
    const within = options.keptWithin === undefined ? undefined : await realpath(options.keptWithin);
    const { code, inputs } = await bundleEntry(root, entry, [libraryFrom(library), ...(within === undefined ? [] : [wall(within)])]);
    return { sha256: createHash('sha256').update(code).digest('hex'), code, inputs };
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors;
    if (!messages) throw error;
    throw new Fault('DEPLOY_FAILED', { function: name, reason: messages.map(sentenceOf).join('; ') });
  }
}

async function findEntry(root: string, name: string): Promise<string> {
  for (const entry of ENTRIES) {
    const file = join(root, entry);
    if (await access(file).then(() => true, () => false)) return file;
  }
  throw new Fault('DEPLOY_FAILED', { function: name, reason: `its folder ${relative('', root) || '.'} has none of ${ENTRIES.join(', ')}` });
}

/** The library by itself, so that no path of this machine gets into a function's bundle. */
async function bundleLibrary(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [LIBRARY], bundle: true, format: 'esm', platform: 'node', target: 'node20', write: false,
    minify: true, keepNames: true, legalComments: 'none', logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

async function bundleEntry(root: string, entry: string, plugins: Plugin[]): Promise<{ code: Buffer; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root, entryPoints: [entry], bundle: true, format: 'esm', platform: 'node', target: 'node20', write: false,
    outfile: join(root, 'bundle.mjs'), banner: { js: REQUIRE }, legalComments: 'none', logLevel: 'silent', charset: 'utf8',
    // Stacks in the log name the author's files and lines.
    sourcemap: 'inline', sourcesContent: false, metafile: true, plugins,
    // A folder that lies inside another project is not built by that project's settings.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: false } },
  });
  const inputs = Object.keys(metafile.inputs).filter((input) => !input.startsWith(`${LIBRARY_NAMESPACE}:`)).map((input) => resolve(root, input));
  return { code: Buffer.from(outputFiles[0]!.contents), inputs };
}

function libraryFrom(code: string): Plugin {
  return {
    name: 'library',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^xylem$/ }, () => ({ path: 'index', namespace: LIBRARY_NAMESPACE, sideEffects: false }));
      onLoad({ filter: /.*/, namespace: LIBRARY_NAMESPACE }, () => ({ contents: code, loader: 'js' }));
    },
  };
}

/** Asked before a file is read; links are followed by then. */
function wall(folder: string): Plugin {
  return {
    name: 'wall',
    setup({ onLoad }) {
      onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) => path.startsWith(folder + sep) ? undefined : { errors: [{ text: `${path} is outside of the function's folder` }] });
    },
  };
}

export function sentenceOf({ text, location }: Message): string {
  return location ? `${location.file}:${location.line}: ${text}` : text;
}
