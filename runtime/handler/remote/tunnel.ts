/** A connection that becomes one of another protocol, such as WebSocket: the request goes on to the upstream, and then the bytes both ways. */
import { request as plainRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { UpgradeCall } from '../../session/call.js';
import { carried, forwarded, type Upstream } from './upstream.js';

/** @param head bytes of the new protocol that came with the request */
export function tunnel(upstream: Upstream, { request, callId, signal }: UpgradeCall, client: Duplex, head: Buffer): void {
  const { protocol, hostname, port, host } = upstream.url;
  const { upgrade = '', method } = { upgrade: String(request.headers['upgrade'] ?? ''), method: request.method };
  const send = protocol === 'https:' ? secureRequest : plainRequest;
  const outgoing = send({
    hostname: hostname.replace(/^\[|\]$/g, ''), ...(port !== '' && { port: Number(port) }), method, path: upstream.pathOf(request), signal,
    headers: { ...carried(request.headers), host, ...forwarded(request, callId), connection: 'Upgrade', upgrade },
  });
  client.on('error', () => outgoing.destroy());
  client.once('close', () => outgoing.destroy());
  outgoing.once('upgrade', (answer, server: Duplex, first: Buffer) => {
    client.write(headOf(answer, { connection: 'Upgrade', upgrade }));
    join(client, server, head, first);
    signal.addEventListener('abort', () => {
      client.destroy();
      server.destroy();
    }, { once: true });
  });
  outgoing.once('response', (answer) => {
    client.write(headOf(answer, { connection: 'close' }));
    answer.pipe(client);
    answer.once('error', () => client.destroy());
  });
  outgoing.once('error', () => {
    if (!client.writableEnded) client.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  outgoing.end();
}

/** Each side ends with the other. */
function join(client: Duplex, server: Duplex, head: Buffer, first: Buffer): void {
  if (first.length > 0) client.write(first);
  if (head.length > 0) server.write(head);
  client.pipe(server).pipe(client);
  server.on('error', () => client.destroy());
  client.on('error', () => server.destroy());
  server.once('close', () => client.destroy());
  client.once('close', () => server.destroy());
}

function headOf({ statusCode = 502, statusMessage, headers }: IncomingMessage, own: Record<string, string>): string {
  const lines = Object.entries({ ...carried(headers), ...own }).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
  return [`HTTP/1.1 ${statusCode} ${statusMessage ?? STATUS_CODES[statusCode] ?? ''}`, ...lines, '', ''].join('\r\n');
}
