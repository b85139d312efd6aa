/** Sends many objects: some calls at once, each with some objects, with a bar that shows how far it is. */
import PQueue from 'p-queue';
import { CliFailure } from './failure.js';
import { DEFAULT_WAYS, type InventoryClient, type InventoryOptions, type Problem, takenWords } from './inventory-target.js';

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
        else sent.refused.push(...some.map((_, index) => ({ index: start + index, problem: shareOf(error, index) })));
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

/** What of a batch's refusal is about one of its objects: the others are refused only because it is all or nothing. */
function shareOf({ message, details }: CliFailure, index: number): { detail: string } & Partial<Problem> {
  const { errors = [], conflicts = [] } = (details ?? {}) as Partial<Problem>;
  if (errors.length === 0 && conflicts.length === 0) return { detail: message };
  const own = <T extends { pointer: string }>(all: T[]) => all.filter(({ pointer }) => `${pointer}/`.startsWith(`/${index}/`)).map((each) => ({ ...each, pointer: each.pointer.slice(`/${index}`.length) }));
  const [wrong, taken] = [own(errors), own(conflicts)];
  const words = [...wrong.map(({ pointer, detail }) => `${pointer || 'the whole'}: ${detail}`), ...taken.map(takenWords)];
  if (words.length === 0) return { detail: 'others of its batch are wrong; --partial takes what is right' };
  return { detail: words.join('; '), ...(wrong.length > 0 && { errors: wrong }), ...(taken.length > 0 && { conflicts: taken }) };
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
