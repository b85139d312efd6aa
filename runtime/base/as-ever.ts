import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * A request that asked for another protocol, answered as if it had not: the same bytes again, without the wish, read by the server
 * like any other request.
 */
export function serveAsEver(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const [name, value] = [request.rawHeaders[index]!, request.rawHeaders[index + 1]!];
    const kept = name.toLowerCase() === 'connection' ? withoutWish(value) : value;
    if (kept !== '' && !['upgrade', 'http2-settings'].includes(name.toLowerCase())) lines.push(`${name}: ${kept}`);
  }
  socket.removeAllListeners('error');
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

function withoutWish(connection: string): string {
  return connection.split(',').map((token) => token.trim()).filter((token) => !['upgrade', 'http2-settings'].includes(token.toLowerCase())).join(', ');
}
