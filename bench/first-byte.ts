/** How long after a function's first write its first byte is with the client, through a node; in ms. Both clocks are this machine's. */
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Figure } from './harness/figures.js';
import { Tree } from './harness/tree.js';

const FOLDER = fileURLToPath(new URL('../../bench/functions/timed-stream', import.meta.url));
const now = () => performance.timeOrigin + performance.now();

export async function firstBytes(requests: number): Promise<Record<string, Figure>> {
  const functions = (['inline', 'process'] as const).map((worker) => ({ name: `stream-${worker}`, folder: FOLDER, annotations: { worker } }));
  const tree = new Tree({ plans: [{ name: 'cloud', level: 'cloud' }], store: 'memory', functions });
  const agent = new Agent({ keepAlive: true });
  await tree.start();
  try {
    const figures: Record<string, Figure> = {};
    for (const { name } of functions) {
      const took: number[] = [];
      // The first calls start processes and warm the code.
      for (let at = -10; at < requests; at += 1) {
        const ms = await one(tree.all[0]!.port, `/function/${name}`, agent);
        if (at >= 0) took.push(ms);
      }
      took.sort((left, right) => left - right);
      const at = (share: number) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))]! * 100) / 100;
      figures[`first_byte_${name.replace('stream-', '')}_ms`] = { median: at(0.5), min: at(0), max: at(0.99), rounds: requests };
    }
    return figures;
  } finally {
    agent.destroy();
    await tree.stop();
  }
}

function one(port: number, path: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ port, path, agent, host: '127.0.0.1' }, (response) => {
      let ms: number | undefined;
      response.on('data', (piece: Buffer) => { ms ??= now() - Number(piece.toString().replace(/\.$/, '')); });
      response.once('end', () => resolve(ms ?? NaN)).once('error', reject);
    }).once('error', reject).end();
  });
}
