/** One hop of the chain: http-proxy with kept connections, as gateway and as watchdog. Argument: URL of the next. */
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';
import { serve } from '../harness/serve.js';

const proxy = httpProxy.createProxyServer({ target: process.argv[2]!, agent: new Agent({ keepAlive: true, maxSockets: 256 }) });
proxy.on('error', (_error, _request, response) => {
  response.writeHead(502);
  response.end();
});
serve(createServer((request, response) => proxy.web(request, response)));
