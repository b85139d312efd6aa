/** Rounds over all subjects, interleaved: what disturbs the machine for a while disturbs all of them. */
import type { Generator } from './harness/generator.js';
import type { Measured } from './harness/load.js';
import type { Subject } from './subjects/subjects.js';

export interface RoundsOptions {
  rounds: number;
  durationMs: number;
  concurrencies: number[];
  progress(line: string): void;
}

/** Subject → concurrency → what each round measured. */
export type Results = Map<string, Map<number, Measured[]>>;

export async function runRounds(subjects: Subject[], generator: Generator, options: RoundsOptions): Promise<Results> {
  const { rounds, durationMs, concurrencies, progress } = options;
  const results: Results = new Map(subjects.map(({ name }) => [name, new Map(concurrencies.map((count) => [count, []]))]));
  for (let round = -1; round < rounds; round += 1) {
    for (const concurrency of concurrencies) {
      const line: string[] = [];
      for (const { name, port, request } of subjects) {
        // One connection would visit all sessions in turn as well: nothing is shown by it that the slot does not show.
        if (concurrency === 1 && name.endsWith('-spread')) continue;
        const measured = await generator.measure({ ...request, port, concurrency, durationMs: round < 0 ? durationMs / 2 : durationMs, warmUpMs: 200 });
        if (measured.errors > 0) throw new Error(`${name} answered ${measured.errors} of ${measured.requests} requests otherwise than 200`);
        // The first round only warms up.
        if (round >= 0) results.get(name)!.get(concurrency)!.push(measured);
        line.push(`${name} ${measured.requestsPerSecond.toFixed(0)}`);
      }
      progress(`round ${round + 1}/${rounds}, ${concurrency} at once: ${line.join(', ')}`);
    }
  }
  return results;
}
