/** What the program is called, and how it is written in examples that can be pasted. */
import { readFileSync } from 'node:fs';

export interface Product {
  name: string;
  version: string;
}

export function product(): Product {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Product;
}

/** `npx xylem domain up`; without `npx` where the program was called by itself. */
export function spelled(words: string, environment: NodeJS.ProcessEnv = process.env): string {
  return `${environment.npm_lifecycle_event === undefined ? '' : 'npx '}${product().name} ${words}`;
}

/** The part of a help text behind its options. */
export function examples(...lines: string[]): string {
  return `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((line) => `  ${spelled(line)}`).join('\n')}`;
}
