/** Numbers as people read them. */
import type { Wish } from '../../../runtime/model/oracle-answers.js';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

export function bytes(value: number): string {
  let [rest, unit] = [Math.max(0, value), 0];
  while (rest >= 1000 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1)} ${UNITS[unit]}`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** A rate or a mean: as many digits as say something. */
export function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  if (value > 0 && value < 0.01) return '<0.01';
  return String(Number(value.toFixed(value >= 10 ? 1 : 2)));
}

export function ms(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(0)} s` : value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${number(value)} ms`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  if (seconds < 1) return 'now';
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function wishText(wish: Wish): string {
  return wish.kind === 'migrate' ? `to ${wish.to}${wish.rehome ? ', as its home' : ''}` : `${wish.kind} ${wish.node}`;
}
