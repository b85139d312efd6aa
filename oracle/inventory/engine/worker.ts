/** The engine's thread: one call after the other, so that a query never sees half of a change. */
import { parentPort } from 'node:worker_threads';
import { Database, QueryRefusal } from './database.js';
import type { EngineAnswer, EngineCall, EngineConfig, RowBlock } from './messages.js';

let database: Database | undefined;
let turn: Promise<void> = Promise.resolve();

async function run({ verb, args }: EngineCall): Promise<unknown> {
  if (verb === 'open') {
    const opened = await Database.open(args[0] as EngineConfig);
    database = opened.database;
    return { remote: opened.remote };
  }
  return (database![verb] as (...args: unknown[]) => unknown)(...args);
}

parentPort!.on('message', (message: EngineCall | 'end' | 'interrupt') => {
  // At once: it is about what runs now.
  if (message === 'interrupt') return void database?.interrupt();
  turn = turn.then(async () => {
    if (message === 'end') {
      database?.close();
      parentPort!.close();
      return;
    }
    const answer = await answerTo(message);
    parentPort!.postMessage(answer, message.verb === 'next' && 'result' in answer && answer.result ? buffersOf(answer.result as RowBlock) : []);
  });
});

function buffersOf({ heads, values }: RowBlock): ArrayBuffer[] {
  return [heads.buffer, values.buffer] as ArrayBuffer[];
}

async function answerTo(message: EngineCall): Promise<EngineAnswer> {
  const { call } = message;
  try {
    return { call, result: await run(message) };
  } catch (error) {
    return { call, error: (error as Error).message, ...(error instanceof QueryRefusal && { refused: error.refused }) };
  }
}
