/** Which inventory a command speaks to, and who it says it is. */
import type { Command } from 'commander';
import { readSecret } from '../runtime/base/credentials.js';
import { type Answer, type CallOptions, Client } from './client.js';
import { CliFailure, EXIT, reasonOfFile, wrongUsage } from './failure.js';
import { findTarget, withTarget, type TargetOptions } from './target.js';

export interface InventoryOptions extends TargetOptions {
  url?: string;
  token?: string;
  batch?: number;
  concurrency?: number;
  partial?: boolean;
  quiet?: boolean;
  asOf?: string;
  filter?: string[];
  sort?: string;
  limit?: number;
  ifMatch?: string;
  data?: string;
  file?: string;
  schemaDir?: string;
  from?: string;
  to?: string;
  object?: string;
  out?: string;
  domainFile?: boolean;
  collection?: string;
  bmcPasswordFile?: string;
}

/** A call holds as many objects as the server checks in a few hundredths of a second; four keep it busy. */
export const DEFAULT_WAYS = { batch: 1_000, concurrency: 4 };

export function withInventory(command: Command): Command {
  return withTarget(command)
    .option('--url <url>', 'the oracle, instead of the one of the state folder')
    .option('--token <file>', 'file with a bearer token, instead of the admin\'s password');
}

export interface Problem {
  detail: string;
  code: string;
  errors?: { pointer: string; detail: string }[];
  conflicts?: Conflict[];
}

export interface Conflict {
  pointer: string;
  object: string;
  id: string;
  value: string;
}

export function takenWords({ pointer, value, object, id }: Conflict): string {
  return `${pointer}: ${value} is that of the ${object} ${id}`;
}

export class InventoryClient {
  constructor(private readonly client: Client, private readonly url: string, private readonly headers: Record<string, string>) {}

  /** Throws with exit code 1 and every offending field when it is refused, 3 when it cannot be reached. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const answer = await this.client.send(this.url, method, path.startsWith('/inventory') ? path : `/inventory${path}`, { ...options, headers: { ...this.headers, ...options.headers } });
    if (answer.status < 400) return answer;
    throw refusalOf(answer);
  }

  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const { bytes } = await this.call(method, path, options);
    return (bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : undefined) as T;
  }
}

export async function findInventory(options: InventoryOptions): Promise<InventoryClient> {
  const token = options.token === undefined ? undefined : await readSecret(options.token).catch((error: Error) => {
    throw wrongUsage(`the token cannot be read: ${reasonOfFile(error, options.token!)}`);
  });
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  if (options.url !== undefined) {
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) throw wrongUsage(`--url ${options.url} is no http address, such as http://127.0.0.1:7000`);
    return new InventoryClient(new Client(token === undefined ? await adminOf(options) : undefined), options.url, headers);
  }
  const { client, oracleUrl } = await findTarget(options);
  if (oracleUrl === undefined) throw wrongUsage('a gateway does not say where its oracle is: name it with --url URL');
  return new InventoryClient(client, oracleUrl, headers);
}

/** Reads need no password; a write without one is refused by the oracle. */
async function adminOf({ passwordFile }: InventoryOptions) {
  const { ADMIN_PASSWORD: fromEnvironment } = process.env;
  if (passwordFile !== undefined) {
    const password = await readSecret(passwordFile).catch((error: Error) => {
      throw wrongUsage(`the password file cannot be read: ${reasonOfFile(error, passwordFile)}`);
    });
    return { user: 'admin', password };
  }
  return fromEnvironment ? { user: 'admin', password: fromEnvironment } : undefined;
}

function refusalOf({ status, bytes }: Answer): CliFailure {
  const text = bytes.toString('utf8').trim();
  try {
    const problem = JSON.parse(text) as Problem;
    const wrong = (problem.errors ?? []).map(({ pointer, detail }) => `\n  ${pointer || '(whole)'}: ${detail}`);
    const taken = (problem.conflicts ?? []).map((each) => `\n  ${takenWords(each)}`);
    return new CliFailure(`${problem.detail} (${problem.code})${wrong.join('')}${taken.join('')}`, EXIT.refused, problem);
  } catch {
    return new CliFailure(text.split('\n')[0] || `it answered ${status}`);
  }
}
