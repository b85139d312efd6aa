/** Sends many objects: some calls at once, each with some objects, with a bar that shows how far it is. */
import PQueue from 'p-queue';
import { CliFailure } from './failure.js';
import { DEFAULT_WAYS, type InventoryClient, type InventoryOptions } from './inventory-target.js';

export interface Sent {
  created: number;
  refused: { index: number; problem: unknown }[];
}

const BAR_CHARS = 30;

/** All batches are tried; what was refused is told at the end. Stops at the first that cannot be sent at all. */
export async function sendAll(client: InventoryClient, object: string, objects: unknown[], options: InventoryOptions): Promise<Sent> {
  const { batch = DEFAULT_WAYS.batch, concurrency = DEFAULT_WAYS.concurrency, partial = false } = options;
  const queue = new PQueue({ concurrency });
  const sent: Sent = { created: 0, refused: [] };
  const bar = createBar(object, objects.length, options);
  let broken: unknown;
  for (let start = 0; start < objects.length; start += batch) {
    const some = objects.slice(start, start + batch);
    void queue.add(async () => {
      if (broken !== undefined) return;
      try {
        const answer = await client.json<unknown[] | { created: unknown[]; refused: Sent['refused'] }>('POST', `/${object}${partial ? '?partial=true' : ''}`, { body: some });
        const { created, refused } = Array.isArray(answer) ? { created: answer, refused: [] } : answer;
        sent.created += created.length;
        sent.refused.push(...refused.map(({ index, problem }) => ({ index: start + index, problem })));
      } catch (error) {
        if (!(error instanceof CliFailure) || error.exitCode !== 1) broken = error;
        else sent.refused.push(...some.map((_, index) => ({ index: start + index, problem: (error as CliFailure).details ?? { detail: (error as CliFailure).message } })));
      }
      bar.show(Math.min(sent.created + sent.refused.length, objects.length));
    });
  }
  await queue.onIdle();
  bar.end();
  if (broken !== undefined) throw broken;
  sent.refused.sort((left, right) => left.index - right.index);
  return sent;
}

/** On a terminal only: a file or a pipe gets none. */
function createBar(object: string, total: number, { quiet, json }: InventoryOptions): { show(done: number): void; end(): void } {
  const out = process.stderr;
  if (quiet || json || !out.isTTY) return { show: () => undefined, end: () => undefined };
  return {
    show(done) {
      const full = Math.round(BAR_CHARS * done / Math.max(total, 1));
      out.write(`\r${object} [${'#'.repeat(full)}${' '.repeat(BAR_CHARS - full)}] ${done}/${total}`);
    },
    end: () => void out.write('\n'),
  };
}
