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

/** Ports that are free now, for --base-port 0; all are held until the last is found, so that none comes twice. */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map((server) => new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => resolve((server.address() as { port: number }).port));
  })));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The port, or the code of the error. */
function tryPort(host: string, port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(port)));
  });
}
