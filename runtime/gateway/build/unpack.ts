/** A build's archive, unpacked into a folder: plain files and folders below `context/`, and the builder's configuration. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { Fault } from '../../model/faults.js';
import { MAX_BUILD_FILES, MAX_BUILD_UNPACKED_BYTES, MAX_COMMAND_BODY_BYTES } from '../../model/limits.js';

export interface BuildConfig {
  /** Name that the result is deployed by. */
  image: string;
  buildArgs: Record<string, string>;
}

export const CONFIG_FILE = 'com.openfaas.docker.config';
const CONTEXT = 'context';
const MAX_PATH_CHARS = 1_024;
const IMAGE = /^(?!bundle:)[a-zA-Z0-9][\w.:/-]{0,254}$/;

/** Rejects with BUILD_INVALID, BODY_TOO_LARGE. The context is then partly there: the folder is to be removed. */
export async function unpack(archive: string, folder: string, mostFiles = MAX_BUILD_FILES): Promise<BuildConfig> {
  const entries = extract();
  const file = createReadStream(archive).on('error', (error) => entries.destroy(error));
  file.pipe(entries as unknown as NodeJS.WritableStream);
  let config: BuildConfig | undefined;
  let left = MAX_BUILD_UNPACKED_BYTES;
  let count = 0;
  const folders = new Set<string>();
  try {
    for await (const entry of entries) {
      const { header } = entry;
      const content = Readable.from(entry as AsyncIterable<Buffer>, { objectMode: false });
      const path = pathOf(header);
      count += 1 + foldersOf(path, folders);
      left -= header.size ?? 0;
      if (count > mostFiles) throw invalid(`it has more than ${mostFiles} files and folders`);
      if (left < 0) throw new Fault('BODY_TOO_LARGE', { limit: MAX_BUILD_UNPACKED_BYTES });
      if (path === CONFIG_FILE) config = configOf(await contentOf(content));
      else await place(header, join(folder, path), content);
    }
  } catch (error) {
    file.destroy();
    throw error instanceof Fault ? error : fileSystem(error) ?? invalid((error as Error).message);
  }
  if (config === undefined) throw invalid(`it has no file ${CONFIG_FILE}`);
  return config;
}

async function place(header: Header, target: string, content: Readable): Promise<void> {
  if (header.type === 'directory') {
    await mkdir(target, { recursive: true, mode: 0o700 });
    content.resume();
    return;
  }
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  // An entry that is there twice would let the second write where the first has led.
  await pipeline(content, createWriteStream(target, { flags: 'wx', mode: 0o600 }));
}

/** The entry's place below the folder. Throws for what is neither file nor folder, or leads out. */
function pathOf({ name, type }: Header): string {
  if (type !== 'file' && type !== 'contiguous-file' && type !== 'directory') throw invalid(`${shown(name)} is a ${type ?? 'thing'}; only files and folders are taken`);
  const parts = name.replace(/^(?:\.\/)+/, '').split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || name.includes('\\') || name.includes('\0') || parts.includes('..') || name.length > MAX_PATH_CHARS) {
    throw invalid(`${shown(name)} leads out of the context`);
  }
  if (parts.length === 1 && parts[0] === CONFIG_FILE && type !== 'directory') return CONFIG_FILE;
  if (parts[0] !== CONTEXT && parts.length > 0) throw invalid(`${shown(name)} is not below ${CONTEXT}/`);
  return parts.join('/');
}

/** How many folders are new with this entry: names alone could make millions of them. */
function foldersOf(path: string, known: Set<string>): number {
  const before = known.size;
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) known.add(path.slice(0, at));
  return known.size - before;
}

async function contentOf(entry: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of entry) {
    bytes += chunk.length;
    if (bytes > MAX_COMMAND_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_COMMAND_BODY_BYTES });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function configOf(content: Buffer): BuildConfig {
  let given: { image?: unknown; buildArgs?: unknown };
  try {
    given = (JSON.parse(content.toString('utf8')) ?? {}) as typeof given;
  } catch (cause) {
    throw new Fault('BUILD_INVALID', { reason: `${CONFIG_FILE} is not JSON` }, { cause });
  }
  const { image, buildArgs = {} } = given;
  if (typeof image !== 'string' || !IMAGE.test(image)) throw invalid(`${CONFIG_FILE} has no image to name the result by`);
  const args = typeof buildArgs === 'object' && buildArgs !== null ? Object.entries(buildArgs as object) : [];
  return { image, buildArgs: Object.fromEntries(args.map(([name, value]) => [name, String(value)])) };
}

function invalid(reason: string): Fault {
  return new Fault('BUILD_INVALID', { reason });
}

/** What happened on the disk is told apart from what is wrong with the archive. */
function fileSystem(error: unknown): Fault | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR') return invalid('it has two entries of one name');
  return code !== undefined && /^E[A-Z]+$/.test(code) ? new Fault('INTERNAL', { call: '-' }, { cause: error }) : undefined;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
