/** What was measured, beside what is wanted of it. */
import { figureOf } from '../harness/figures.js';

/** A rate is wanted from below, everything else from above. */
export type Aim = { least: number } | { most: number };

interface Row {
  unit: string;
  aim?: Aim;
  values: number[];
}

export class Figures {
  private readonly rows = new Map<string, Row>();

  /** Said at once too, so that a run that is broken off has said something. */
  note(name: string, unit: string, value: number, aim?: Aim): void {
    const row = this.rows.get(name) ?? { unit, values: [], ...(aim && { aim }) };
    this.rows.set(name, row);
    row.values.push(value);
    process.stderr.write(`${name}: ${value.toFixed(2)} ${unit}\n`);
  }

  /** A line a figure: median, least and most, aim, whether it is met. */
  get text(): string {
    const lines = [...this.rows].map(([name, { unit, aim, values }]) => {
      const { median, min, max } = figureOf(values);
      const wanted = aim === undefined ? '' : 'least' in aim ? `wanted at least ${aim.least}: ${median >= aim.least ? 'met' : 'NOT MET'}` : `wanted at most ${aim.most}: ${median <= aim.most ? 'met' : 'NOT MET'}`;
      return `${name.padEnd(62)} ${String(median).padStart(12)} ${unit.padEnd(9)} (${min} – ${max})  ${wanted}`.trimEnd();
    });
    return `${lines.join('\n')}\n`;
  }

  get json(): object {
    return Object.fromEntries([...this.rows].map(([name, { unit, aim, values }]) => [name, { unit, ...figureOf(values), ...(aim && { aim }) }]));
  }
}
