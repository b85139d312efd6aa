/** Requests of a measurement, over connections that cost the generator little: closed loop, one request at a time each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Connection } from '../harness/connection.js';

export function requestOf(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** One request on a connection of its own. */
export async function post(port: number, path: string, body: unknown): Promise<string> {
  const connection = new Connection('127.0.0.1', port);
  try {
    return checked(await connection.request(requestOf(path, JSON.stringify(body))));
  } finally {
    connection.close();
  }
}

/** Sends until there is nothing left to send. @returns how long each answer took, ms */
export async function drive(port: number, width: number, next: () => string | undefined): Promise<number[]> {
  const took: number[] = [];
  await Promise.all(Array.from({ length: width }, async () => {
    const connection = new Connection('127.0.0.1', port);
    for (let request = next(); request !== undefined; request = next()) {
      const beganMs = performance.now();
      checked(await connection.request(request));
      took.push(performance.now() - beganMs);
    }
    connection.close();
  }));
  return took;
}

export interface Writing {
  /** Stops it. @returns points a second that it wrote */
  end(): Promise<number>;
}

/** Batches in a row, with a pause after each, beside whatever else is measured. */
export function keepWriting(port: number, requests: readonly string[], pointsEach: number, pauseMs: number): Writing {
  const beganMs = performance.now();
  let isOver = false;
  let written = 0;
  const connection = new Connection('127.0.0.1', port);
  const writing = (async () => {
    for (; !isOver; written += 1) {
      checked(await connection.request(requests[written % requests.length]!));
      await sleep(pauseMs);
    }
    connection.close();
  })();
  return {
    async end() {
      isOver = true;
      await writing;
      return written * pointsEach / (performance.now() - beganMs) * 1_000;
    },
  };
}

function checked({ status, body }: Answer): string {
  if (status !== 200) throw new Error(`${status} ${body.toString().slice(0, 300)}`);
  return body.toString();
}
