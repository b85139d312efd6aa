/** A port with nothing but `/metrics`, for those who scrape and shall see nothing else. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HEADERS_TIMEOUT_MS, MAX_HEADER_BYTES } from '../../model/limits.js';

export interface MetricsListener {
  /** Resolves with the URL; rejects when the port is taken. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function createMetricsListener({ host, port, text }: { host: string; port: number; text(): Promise<string> }): MetricsListener {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    request.resume();
    if (request.url?.split('?', 1)[0] !== '/metrics') return response.writeHead(404).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return text().then((body) => response.writeHead(200, { 'content-type': METRICS_TYPE }).end(body), () => response.writeHead(500).end());
  });
  return {
    listen: () => new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve(`http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`);
      });
    }),
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
