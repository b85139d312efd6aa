/** Values of the inventory's options. */
import { InvalidArgumentError } from 'commander';

/** From 1 on. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError('It is a whole number from 1 on.');
}
