/**
 * The load generator, a process of its own: closed loop, kept connections, one request at a time a
 * connection. Reports each job's rate and latencies to its parent.
 */
import { randomBytes } from 'node:crypto';
import { Connection } from './connection.js';
import { quantile } from './figures.js';

export interface Job {
  port: number;
  method: string;
  path: string;
  /** Connections, each with one request under way. */
  concurrency: number;
  durationMs: number;
  warmUpMs: number;
  /** Missing: none. `slot`: each connection has its own; a number: so many, in turn over all connections. */
  sessions?: 'slot' | number;
  /** Sends a fresh request id with every request. */
  requestIds?: boolean;
}

export interface Measured {
  requestsPerSecond: number;
  p50Us: number;
  p99Us: number;
  requests: number;
  errors: number;
  /** Share of one core that the generator itself used; near 1 it is the generator that is measured. */
  generatorLoad: number;
}

const MOST_SAMPLES = 2_000_000;

export async function run(job: Job): Promise<Measured> {
  const { port, concurrency, durationMs, warmUpMs } = job;
  const latencies = new Float64Array(MOST_SAMPLES);
  const nextRequest = requestMaker(job);
  let requests = 0;
  let errors = 0;
  let firstError: Error | undefined;
  const fromMs = performance.now() + warmUpMs;
  const untilMs = fromMs + durationMs;
  let cpuFrom: NodeJS.CpuUsage | undefined;

  await Promise.all(Array.from({ length: concurrency }, (_, slot) => new Promise<void>((resolve) => {
    let connection = new Connection('127.0.0.1', port);
    let sentMs = 0;
    const again = () => {
      sentMs = performance.now();
      if (sentMs >= untilMs) {
        connection.close();
        resolve();
        return;
      }
      if (cpuFrom === undefined && sentMs >= fromMs) cpuFrom = process.cpuUsage();
      connection.send(nextRequest(slot), onAnswer, onError);
    };
    const onAnswer = ({ status, body }: { status: number; body: Buffer }) => {
      const now = performance.now();
      if (sentMs >= fromMs && now < untilMs) {
        if (requests < MOST_SAMPLES) latencies[requests] = now - sentMs;
        requests += 1;
      }
      if (status !== 200) {
        errors += 1;
        firstError ??= new Error(`${status} ${body.toString()}`);
      }
      again();
    };
    const onError = (error: Error) => {
      errors += 1;
      firstError ??= error;
      connection = new Connection('127.0.0.1', port);
      setTimeout(again, 1);
    };
    again();
  })));
  const cpu = process.cpuUsage(cpuFrom);
  if (errors > 0) console.error(`${errors} errors at ${job.method} ${job.path}; the first: ${firstError?.message}`);
  const sorted = latencies.subarray(0, Math.min(requests, MOST_SAMPLES)).sort();
  return {
    requestsPerSecond: requests / (durationMs / 1000), p50Us: quantile(sorted, 0.5) * 1000, p99Us: quantile(sorted, 0.99) * 1000,
    requests, errors, generatorLoad: (cpu.user + cpu.system) / 1000 / durationMs,
  };
}

/** Requests differ in session and request id only, so that the rest is put together once. */
function requestMaker({ method, path, sessions, requestIds }: Job): (slot: number) => string {
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${method === 'GET' ? '' : 'content-length: 0\r\n'}`;
  const life = randomBytes(8).toString('hex');
  const idPrefix = `${life.slice(0, 8)}-${life.slice(8, 12)}-4${life.slice(12, 15)}-8000-`;
  let count = 0;
  return (slot) => {
    count += 1;
    let text = head;
    if (sessions !== undefined) text += `x-session: bench-${sessions === 'slot' ? slot : count % sessions}\r\n`;
    if (requestIds) text += `x-session-request-id: ${idPrefix}${count.toString(16).padStart(12, '0')}\r\n`;
    return `${text}\r\n`;
  };
}

if (process.send) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (job: Job) => {
    run(job).then((measured) => process.send!({ event: 'measured', measured }), (error: Error) => process.send!({ event: 'measured', error: error.message }));
  });
  process.send({ event: 'ready' });
}
