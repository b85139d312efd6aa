/** What the program is called, and how it is written in examples that can be pasted. */
import { existsSync, readFileSync } from 'node:fs';

export interface Product {
  name: string;
  version: string;
}

export function product(): Product {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Product;
}

/** How it is called here: by its launcher where that lies in this folder, else by its name alone. */
export function spelled(words: string): string {
  const { name } = product();
  return `${existsSync(name) ? './' : ''}${name} ${words}`;
}

/** The part of a help text behind its options. */
export function examples(...lines: string[]): string {
  return `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((line) => `  ${spelled(line)}`).join('\n')}`;
}
