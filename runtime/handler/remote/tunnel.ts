/** A connection that becomes one of another protocol, such as WebSocket: the request goes on to the upstream, and then the bytes both ways. */
import { request as plainRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../../model/faults.js';
import type { UpgradeCall } from '../../session/call.js';
import { carried, forwarded, type Upstream } from './upstream.js';

/** @param head bytes of the new protocol that came with the request */
export function tunnel(upstream: Upstream, call: UpgradeCall, client: Duplex, head: Buffer): void {
  const { request, callId, signal, timeoutMs } = call;
  const { protocol, hostname, port, host } = upstream.url;
  const { upgrade = '', method } = { upgrade: String(request.headers['upgrade'] ?? ''), method: request.method };
  const send = protocol === 'https:' ? secureRequest : plainRequest;
  const own = forwarded(request, callId);
  const outgoing = send({
    // A connection of its own: one that was kept from an earlier request may be closed by the other side just now.
    agent: false, hostname: hostname.replace(/^\[|\]$/g, ''), ...(port !== '' && { port: Number(port) }), method, path: upstream.pathOf(request), signal,
    headers: { ...carried(request.headers), host, ...own, connection: 'Upgrade', upgrade }, ...(timeoutMs > 0 && { timeout: timeoutMs }),
  });
  client.on('error', () => outgoing.destroy());
  client.once('close', () => outgoing.destroy());
  outgoing.once('upgrade', (answer, server: Duplex, first: Buffer) => {
    (server as Socket).setTimeout(0);
    call.answered(answer.statusCode!);
    client.write(headOf(answer, { connection: 'Upgrade', upgrade, 'x-call-id': own['x-call-id']! }));
    join(client, server, head, first);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    signal.addEventListener('abort', end, { once: true });
    // The signal outlives the connection, and would keep it.
    client.once('close', () => signal.removeEventListener('abort', end));
    if (signal.aborted) end();
  });
  outgoing.once('response', (answer) => {
    call.answered(answer.statusCode!);
    client.write(headOf(answer, { connection: 'close', 'x-call-id': own['x-call-id']! }));
    answer.pipe(client);
    answer.once('error', () => client.destroy());
  });
  outgoing.once('timeout', () => {
    call.refuse(new Fault('HANDLER_TIMEOUT', { limit: timeoutMs, setting: 'exec_timeout', layer: 'gateway' }));
    outgoing.destroy();
  });
  outgoing.once('error', (error: NodeJS.ErrnoException) => {
    if (!client.writableEnded) call.refuse(upstream.unreachable(error));
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
