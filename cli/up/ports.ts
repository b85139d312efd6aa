/** Ports are looked at before anything starts, so that a start never stops half-way for one that is taken. */
import { createServer } from 'node:net';
import { ownerOfPort } from '../../runtime/base/process.js';
import { CliFailure } from '../failure.js';

export interface WantedPort {
  port: number;
  /** What wants it: `node milan`, `the oracle`. */
  what: string;
}

/** Throws one failure that names every port that cannot be had, and who has it. */
export async function assertFree(host: string, wanted: WantedPort[]): Promise<void> {
  const taken = await Promise.all(wanted.map(async ({ port, what }) => {
    const reason = await refusal(host, port);
    return reason === undefined ? [] : [`port ${port} for ${what}: ${reason}`];
  }));
  const lines = taken.flat();
  if (lines.length > 0) throw new CliFailure(`${lines.join('\n       ')}\n       Free it, or move the domain with --base-port and --oracle-port.`);
}

async function refusal(host: string, port: number): Promise<string | undefined> {
  const code = await tryPort(host, port);
  if (typeof code === 'number') return undefined;
  if (code !== 'EADDRINUSE') return code === 'EACCES' ? 'this user may not listen on it' : code;
  return `in use by ${await ownerOfPort(port) ?? 'a process that cannot be found out'}`;
}

/**
 * Where free ports are looked for: below those that systems give to whoever asks for any. A port of theirs may be given to somebody
 * else, such as a listener of the domain's own, before the process that it was found for has begun to listen.
 */
const [LOWEST_PORT, HIGHEST_PORT] = [20_000, 29_999];
const MOST_LOOKS = 1_000;

/** Ports that are free now, for --base-port 0; none comes twice. */
export async function freePorts(host: string, count: number, random: () => number = Math.random): Promise<number[]> {
  const found = new Set<number>();
  for (let looks = 0; found.size < count; looks += 1) {
    if (looks === count + MOST_LOOKS) throw new CliFailure(`no ${count} free ports were found from ${LOWEST_PORT} to ${HIGHEST_PORT}; name some with --base-port and --oracle-port`);
    const port = LOWEST_PORT + Math.floor(random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if (!found.has(port) && typeof await tryPort(host, port) === 'number') found.add(port);
  }
  return [...found];
}

/** The port, or the code of the error. */
function tryPort(host: string, port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(port)));
  });
}
