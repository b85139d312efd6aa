/** The thread of the database: the only place where DuckDB is loaded, so that no query ever holds up the node. One call after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { Database } from './database.js';
import type { CallMessage, HistoryCalls, HistoryOptions } from './history-protocol.js';

const port = parentPort!;
let opened: Promise<Database> | undefined;
let last: Promise<unknown> = Promise.resolve();

port.on('message', (message: CallMessage) => {
  last = last.then(() => answer(message));
});

async function answer({ id, call, ask }: CallMessage): Promise<void> {
  try {
    if (call === 'close') {
      (await opened?.catch(() => undefined))?.close();
      port.postMessage({ id });
      port.close();
      return;
    }
    // What does not open now may open later, when there is room on the disk again.
    opened ??= Database.open(workerData as HistoryOptions).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    const database = await opened;
    const run = {
      progress: () => database.progress(),
      applyAnalytics: (of: HistoryCalls['applyAnalytics']['ask']) => database.applyAnalytics(of),
      latest: (of: HistoryCalls['latest']['ask']) => database.latest(of),
      analyticsRange: (of: HistoryCalls['analyticsRange']['ask']) => database.analyticsRange(of),
      analyticsLatest: (of: HistoryCalls['analyticsLatest']['ask']) => database.analyticsLatest(of),
      series: () => database.series(),
      apply: (of: HistoryCalls['apply']['ask']) => database.apply(of),
      range: (of: HistoryCalls['range']['ask']) => database.range(of),
      aggregate: (of: HistoryCalls['aggregate']['ask']) => database.aggregate(of),
      dimensions: (of: HistoryCalls['dimensions']['ask']) => database.dimensions(of),
      load: (of: HistoryCalls['load']['ask']) => database.load(of, (part) => port.postMessage({ id, part }, [part.series.buffer, part.times.buffer, part.values.buffer] as ArrayBuffer[])),
      compact: (of: HistoryCalls['compact']['ask']) => database.compact(of),
      retain: (of: HistoryCalls['retain']['ask']) => database.retain(of),
      export: (of: HistoryCalls['export']['ask']) => database.export(of),
    }[call] as (of: unknown) => Promise<unknown>;
    port.postMessage({ id, answer: await run(ask) });
  } catch (error) {
    port.postMessage({ id, error: (error as Error).message });
  }
}
