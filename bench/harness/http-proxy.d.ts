declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http';

  interface Proxy {
    on(event: 'error', listener: (error: Error, request: unknown, response: ServerResponse) => void): void;
    web(request: IncomingMessage, response: ServerResponse): void;
  }

  const httpProxy: { createProxyServer(options: { target: string; agent?: Agent }): Proxy };
  export default httpProxy;
}
