/** Values that functions and their times had of late, to be asked for: bounded, in memory; the mirror and the dataset have them all. */
import { MAX_SAMPLES_KEPT } from '../runtime/model/limits.js';
import type { KeptSample, SampleSummary } from '../runtime/model/oracle-answers.js';
import type { Sample } from '../runtime/model/report.js';

export class Samples {
  private readonly kept: KeptSample[] = [];
  /** Where the next one goes, once all places are taken. */
  private next = 0;

  note(node: string, samples: readonly Sample[]): void {
    for (const sample of samples) {
      this.kept[this.next] = { ...sample, node };
      this.next = (this.next + 1) % MAX_SAMPLES_KEPT;
    }
  }

  /** The oldest first. */
  list({ metric, session, node }: { metric?: string; session?: string; node?: string } = {}): KeptSample[] {
    const all = this.kept.length < MAX_SAMPLES_KEPT ? this.kept : [...this.kept.slice(this.next), ...this.kept.slice(0, this.next)];
    return all.filter((sample) => (metric === undefined || sample.metric === metric) && (session === undefined || sample.session === session) && (node === undefined || sample.node === node));
  }
}

/** One row a metric and residency, in the order in which they were first seen. */
export function summaries(samples: readonly KeptSample[]): SampleSummary[] {
  const groups = new Map<string, KeptSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.metric, sample.session, sample.node, sample.epoch]);
    const group = groups.get(key);
    if (group) group.push(sample);
    else groups.set(key, [sample]);
  }
  return [...groups.values()].map((group) => {
    const { metric, session, node, epoch, value, atMs } = group.at(-1)!;
    const numbers = group.map((each) => each.value).filter((each) => typeof each === 'number').sort((left, right) => left - right);
    const at = (share: number) => numbers[Math.min(numbers.length - 1, Math.floor(share * numbers.length))] ?? null;
    const mean = numbers.length === 0 ? null : numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
    return { metric, session, node, epoch, count: group.length, mean, p50: at(0.5), p99: at(0.99), last: value, lastMs: atMs };
  });
}
