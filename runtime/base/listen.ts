/** Servers of node:http and their ports. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server on a port of its own. */
export interface Listener {
  /** Resolves with the URL, once connections are accepted; rejects when the port is taken. */
  listen(): Promise<string>;
  /** Breaks what is in hand. */
  close(): Promise<void>;
}

export function listenerOf(server: Server, host: string, port: number): Listener {
  return {
    listen: () => listenOn(server, host, port),
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

/** Resolves with the URL, once connections are accepted; rejects when the port is taken. @param port 0 takes a free one */
export function listenOn(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`);
    });
  });
}
