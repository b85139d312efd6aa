/**
 * Filters by name. A name stands for itself; a `*` in a filter stands for any run of characters, and `\*` for a star.
 * A series whose name has stars of its own is also found by exactly that name.
 */

const NO_PATTERNS: string[][] = [];

export class NameFilter {
  readonly exact: ReadonlySet<string>;
  private readonly patterns: string[][];

  constructor(private readonly names: readonly string[]) {
    const stars = names.filter((name) => name.includes('*'));
    if (stars.length === 0) {
      this.exact = new Set(names);
      this.patterns = NO_PATTERNS;
      return;
    }
    this.exact = new Set(names.flatMap((name) => name.includes('\\*') ? [name, name.replaceAll('\\*', '*')] : [name]));
    this.patterns = stars.map(partsOf).filter((parts) => parts.length > 1);
  }

  /** Exactly these names, whatever characters they have. */
  static of(names: readonly string[]): NameFilter {
    return new NameFilter(names.map((name) => name.replaceAll('*', '\\*')));
  }

  /** The same for filters that say the same. */
  get text(): string {
    return JSON.stringify(this.names);
  }

  /** True when only exact names can match, so that they may be looked up. */
  get isExact(): boolean {
    return this.patterns.length === 0;
  }

  matches(name: string | undefined): boolean {
    if (name === undefined) return false;
    return this.exact.has(name) || this.patterns.some((parts) => fits(name, parts));
  }
}

/** The runs of characters between stars. */
function partsOf(pattern: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < pattern.length; at += 1) {
    if (pattern[at] === '*') {
      parts.push(part);
      part = '';
    } else {
      if (pattern[at] === '\\' && pattern[at + 1] === '*') at += 1;
      part += pattern[at];
    }
  }
  return [...parts, part];
}

/** The first part begins the name, the last ends it, the others follow one another in between: no way back, so no slow pattern. */
function fits(name: string, parts: string[]): boolean {
  const first = parts[0]!;
  const last = parts[parts.length - 1]!;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
