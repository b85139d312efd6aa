/** How every baseline server says that it is ready, and ends with its parent. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export function serve(server: Server): void {
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send!({ event: 'ready', port: (server.address() as AddressInfo).port }));
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
}
