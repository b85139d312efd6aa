/** Express 5 with one route; `--preset` presets its prototypes. */
import { createServer } from 'node:http';
import { serve } from '../harness/serve.js';
import { leanApp, presetServer } from './express-preset.js';

const app = leanApp();
app.get('/function/hello', (_request, response) => {
  response.json({ hello: 'world' });
});
serve(process.argv.includes('--preset') ? presetServer(app) : createServer(app));
