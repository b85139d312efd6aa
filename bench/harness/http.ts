/** Requests over kept connections, one pool for each origin. Follows nothing by itself. */
import { Connection, type Answer } from './connection.js';

export interface Sent {
  method: string;
  url: string;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

export class Http {
  readonly #idle = new Map<string, Connection[]>();

  /** A kept connection that turns out closed before anything was answered is replaced once by a fresh one, as browsers do. */
  async send(sent: Sent): Promise<Answer> {
    const { host, origin, pathname, search } = new URL(sent.url);
    const headers = Object.entries(sent.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const length = sent.method === 'GET' ? '' : 'content-length: 0\r\n';
    const text = `${sent.method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n${headers}${length}\r\n`;
    const kept = this.#kept(origin);
    if (kept) {
      try {
        return await this.#over(kept, origin, text, sent.timeoutMs);
      } catch (error) {
        if (error instanceof TimedOut) throw error;
      }
    }
    const { hostname, port } = new URL(origin);
    return this.#over(new Connection(hostname, Number(port)), origin, text, sent.timeoutMs);
  }

  close(): void {
    for (const connection of [...this.#idle.values()].flat()) connection.close();
    this.#idle.clear();
  }

  #kept(origin: string): Connection | undefined {
    const idle = this.#idle.get(origin) ?? [];
    for (let connection = idle.pop(); connection; connection = idle.pop()) if (connection.isOpen) return connection;
    return undefined;
  }

  async #over(connection: Connection, origin: string, text: string, timeoutMs = 60_000): Promise<Answer> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      connection.close();
    }, timeoutMs);
    try {
      const answer = await connection.request(text);
      const idle = this.#idle.get(origin) ?? [];
      this.#idle.set(origin, idle);
      idle.push(connection);
      return answer;
    } catch (error) {
      throw isLate ? new TimedOut(`no answer within ${timeoutMs} ms`) : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

class TimedOut extends Error {}

/** Value of a header in an answer's head. */
export function headerOf({ head }: Answer, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(head)?.[1];
}
