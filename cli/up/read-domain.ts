/** The domain file of a command: found, read, and refused with all that is wrong with it. */
import { access, readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError, type DomainFile, type DomainFileError, parseDomainFile, type PortOptions } from '../../runtime/base/domain-file.js';
import { CliFailure, EXIT, reasonOfFile, wrongUsage } from '../failure.js';

const DEFAULT_FILE = 'domain.yml';

export interface ReadResult {
  domain: DomainFile;
  remarks: DomainFileError[];
}

/** The file in this folder; else the one that comes with the program. */
export async function defaultFile(): Promise<string> {
  return access(DEFAULT_FILE).then(() => DEFAULT_FILE, () => fileURLToPath(new URL(`../../../${DEFAULT_FILE}`, import.meta.url)));
}

/** Throws with every error of the file. @param options `store` is then every node's */
export async function readDomain(file: string, options: PortOptions & { store?: string }): Promise<ReadResult> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw wrongUsage(`the domain file cannot be read: ${reasonOfFile(error, shown(file))}`);
  });
  const parsed = parseDomainFile(text, options);
  const { store } = options;
  if (parsed.domain) {
    const { domain, remarks } = parsed;
    return { domain: store === undefined ? domain : { ...domain, nodes: domain.nodes.map((node) => ({ ...node, store })) }, remarks };
  }
  const lines = parsed.errors.map((error) => describeError(shown(file), error));
  throw new CliFailure(`the domain file is wrong\n${lines.join('\n')}`, EXIT.usage, { message: 'the domain file is wrong', file, errors: parsed.errors });
}

/** Short where it lies below this folder. */
export function shown(path: string): string {
  const near = relative('', path);
  return near !== '' && !near.startsWith('..') ? near : path;
}
