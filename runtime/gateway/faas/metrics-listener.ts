/** A port with nothing but `/metrics`, for those who scrape and shall see nothing else. */
import { createServer } from 'node:http';
import { type Listener, listenerOf } from '../../base/listen.js';
import { HEADERS_TIMEOUT_MS, MAX_HEADER_BYTES } from '../../model/limits.js';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function createMetricsListener({ host, port, text }: { host: string; port: number; text(): Promise<string> }): Listener {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    request.resume();
    if (request.url?.split('?', 1)[0] !== '/metrics') return response.writeHead(404).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return text().then((body) => response.writeHead(200, { 'content-type': METRICS_TYPE }).end(body), () => response.writeHead(500).end());
  });
  return listenerOf(server, host, port);
}
