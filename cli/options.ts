/** Values of options that are more than text. */
import { InvalidArgumentError } from 'commander';

const MAX_PORT = 65_535;

/** A port, or 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= MAX_PORT) return value;
  throw new InvalidArgumentError(`It is a whole number from 0 to ${MAX_PORT}.`);
}

/** `key=value`, as often as given. */
export function keyValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined) throw new InvalidArgumentError('It has the form key=value.');
  return { ...before, [key]: value! };
}

export function several(text: string, before: string[] = []): string[] {
  return [...before, text];
}
