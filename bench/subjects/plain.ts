/** The bare handler: node:http and nothing else. */
import { createServer } from 'node:http';
import { serve } from '../harness/serve.js';

const BODY = Buffer.from(JSON.stringify({ hello: 'world' }));

serve(createServer((_request, response) => {
  response.writeHead(200, ['content-type', 'application/json', 'content-length', String(BODY.length)] as never);
  response.end(BODY);
}));
