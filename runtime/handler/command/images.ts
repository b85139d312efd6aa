/** Which command stands for which image, where no container engine is needed for it: a YAML file of the operator. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface CommandImage {
  /** Program and arguments. */
  command: string[];
  /** `text`: standard output is the answer's body; `cgi`: it begins with headers, as RFC 3875 has them. */
  output: 'text' | 'cgi';
}

export interface CommandImages {
  /** Tags and digests do not count, nor does the name of the default registry. */
  find(image: string): CommandImage | undefined;
}

/** The list that comes with the runtime. */
export const DEFAULT_IMAGES = fileURLToPath(new URL('../../../../images.yml', import.meta.url));

/** Rejects with an error that names the file and what is wrong in it. */
export async function readImages(file: string): Promise<CommandImages> {
  const { parse } = await import('yaml');
  const text = await readFile(file, 'utf8');
  let read: unknown;
  try {
    read = parse(text);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message.split('\n')[0]}`, { cause: error });
  }
  const { images } = (read ?? {}) as { images?: unknown };
  if (!isRecord(images)) throw new Error(`${file}: it has the key images, a map of image names`);
  return imagesOf(Object.entries(images).map(([name, given]) => [name, entryOf(file, name, given)]));
}

function imagesOf(entries: readonly (readonly [name: string, image: CommandImage])[]): CommandImages {
  const byName = new Map(entries.map(([name, image]) => [plainName(name), image]));
  return { find: (image) => byName.get(plainName(image)) };
}

/** `docker.io/functions/alpine:latest` → `functions/alpine`. */
export function plainName(image: string): string {
  const [named = ''] = image.split('@', 1);
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const untagged = colon < 0 ? named : named.slice(0, colon);
  return untagged.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '');
}

/** A command line in words; no quoting, as the watchdog has none. */
export function wordsOf(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== '');
}

function entryOf(file: string, name: string, given: unknown): CommandImage {
  const { command, output = 'text' } = (isRecord(given) ? given : { command: given }) as { command?: unknown; output?: unknown };
  const words = typeof command === 'string' ? wordsOf(command) : command;
  const isCommand = Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string');
  if (!isCommand) throw new Error(`${file}: image ${name}: its command is a line, or a list of a program and its arguments`);
  if (output !== 'text' && output !== 'cgi') throw new Error(`${file}: image ${name}: its output is text or cgi`);
  return { command: words as string[], output };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
