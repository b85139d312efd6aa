/** Output for people (tables, one fact a line) and for programs (JSON). */

export type Row = (string | number | undefined)[];

/** Columns as wide as their widest cell; nothing but the header when there are no rows. */
export function table(header: string[], rows: Row[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => cell === undefined || cell === '' ? '-' : clean(String(cell))))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
}

/** Session ids may hold anything a header may; nothing of them may steer the terminal. */
export function clean(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
}

/** `name: value` lines, indented for nested objects. */
export function facts(value: object, indent = ''): string {
  return Object.entries(value).filter(([, item]) => item !== undefined).map(([name, item]) => {
    if (Array.isArray(item) && item.every((each) => typeof each !== 'object')) return `${indent}${name}: ${item.map((each) => clean(String(each))).join(', ') || '-'}`;
    if (typeof item === 'object' && item !== null) return `${indent}${name}:\n${facts(item, `${indent}  `)}`;
    return `${indent}${name}: ${item === null ? '-' : clean(String(item))}`;
  }).join('\n');
}

/** Prints the value as JSON when asked for, else what `human` makes of it. */
export function print<T>(value: T, asJson: boolean | undefined, human: (value: T) => string): void {
  console.log(asJson ? JSON.stringify(value, undefined, 2) : human(value));
}

export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}
