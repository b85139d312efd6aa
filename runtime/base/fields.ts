/** Reads the fields of a JSON body that a peer or an operator sent; whatever is of another type is refused by name. */
import { Fault } from '../model/faults.js';
import { MAX_SESSION_ID_BYTES } from '../model/limits.js';

/** Names, uuids, attempts: nothing of ours is longer. */
const MAX_TEXT_CHARS = 1_024;

export class Fields {
  readonly #fields: Record<string, unknown>;

  constructor(body: unknown) {
    this.#fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  /** A text that is not empty. */
  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== 'string' || value === '' || value.length > MAX_TEXT_CHARS) throw wrong(name, `a text of 1 to ${MAX_TEXT_CHARS} characters is needed`);
    return value;
  }

  /** A text that may be empty. */
  anyText(name: string): string {
    return this.#fields[name] === '' ? '' : this.text(name);
  }

  maybeText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  session(name = 'session'): string {
    const value = this.text(name);
    if (value.length > MAX_SESSION_ID_BYTES) throw wrong(name, `it is longer than ${MAX_SESSION_ID_BYTES} bytes`);
    return value;
  }

  /** A whole number from 0 on. */
  count(name: string): number {
    const value = this.#fields[name];
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(name, 'a whole number from 0 on is needed');
    return value as number;
  }

  flag(name: string): boolean {
    const value = this.#fields[name] ?? false;
    if (typeof value !== 'boolean') throw wrong(name, 'true or false is needed');
    return value;
  }

  texts(name: string, most: number): string[] {
    const value = this.#fields[name];
    const isList = Array.isArray(value) && value.length <= most && value.every((each) => typeof each === 'string' && each.length <= MAX_TEXT_CHARS);
    if (!isList) throw wrong(name, `a list of at most ${most} texts is needed`);
    return value as string[];
  }
}

function wrong(name: string, reason: string): Fault {
  return new Fault('PARAMETER_INVALID', { name, reason });
}
