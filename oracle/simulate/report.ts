/** What a comparison says: a table for people, one for scripts, a picture. */
import { meanOf, percentileOf, type Outcome } from './run.js';

export interface Row {
  trace: string;
  policy: string;
  meanMs: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  rejected: number;
  moves: number;
  megabyteHops: number;
  mostMovesAMinute: number;
}

export function rowOf({ trace, policy, latenciesMs, rejected, moves, byteHops, mostMovesAMinute }: Outcome): Row {
  const at = (share: number) => round(percentileOf(latenciesMs, share));
  return {
    trace, policy, meanMs: round(meanOf(latenciesMs)), p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), rejected, moves,
    megabyteHops: round(byteHops / 1e6), mostMovesAMinute,
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Columns as wide as what is in them, numbers to the right. */
export function tableOf(rows: Row[]): string {
  const names = Object.keys(rows[0]!) as (keyof Row)[];
  const cells = [names as string[], ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, at) => Math.max(...cells.map((line) => line[at]!.length)));
  return cells.map((line) => line.map((cell, at) => at < 2 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)).join('  ').trimEnd()).join('\n');
}

const WIDTH = 860;
const HEIGHT = 380;
const LEFT = 60;
const TOP = 40;
const COLOURS = ['#888888', '#1b6ca8', '#d1495b', '#3c896d', '#edae49', '#7d5ba6', '#00798c', '#8d6346', '#000000'];
const SHARES = Array.from({ length: 100 }, (_, at) => (at + 0.5) / 100);

/** Response time (logarithmic) over the share of requests, a line a policy, as SVG. */
export function plotOf(outcomes: Outcome[]): string {
  const most = Math.max(10, ...outcomes.map(({ latenciesMs }) => percentileOf(latenciesMs, 0.995)));
  const x = (share: number) => LEFT + share * (WIDTH - LEFT - 220);
  const y = (ms: number) => TOP + (HEIGHT - 2 * TOP) * (1 - Math.log10(Math.max(1, ms)) / Math.log10(most));
  const marks = [1, 10, 100, 1_000, 10_000].filter((ms) => ms <= most);
  const lines = outcomes.map(({ latenciesMs, policy }, at) => {
    const colour = COLOURS[at % COLOURS.length]!;
    const points = SHARES.map((share) => `${x(share).toFixed(1)},${y(percentileOf(latenciesMs, share)).toFixed(1)}`).join(' ');
    const row = TOP + 16 * at;
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points}"/>`
      + `<rect x="${WIDTH - 205}" y="${row - 8}" width="12" height="4" fill="${colour}"/><text x="${WIDTH - 188}" y="${row}">${policy}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`
    + `<rect width="100%" height="100%" fill="white"/><text x="${LEFT}" y="20" font-size="14">Response time, ${outcomes[0]?.trace ?? ''}</text>`
    + marks.map((ms) => `<line x1="${LEFT}" x2="${x(1)}" y1="${y(ms)}" y2="${y(ms)}" stroke="#dddddd"/><text x="8" y="${y(ms) + 4}">${ms} ms</text>`).join('')
    + [0, 0.5, 0.9, 1].map((share) => `<text x="${x(share) - 10}" y="${HEIGHT - 15}">${share * 100} %</text>`).join('')
    + `${lines.join('')}</svg>\n`;
}
