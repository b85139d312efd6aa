/** One object per value: equal parts of a world are the same object, and every such object has a small number. */
export class Interner {
  readonly #byText = new Map<string, object>();
  readonly #numbers = new WeakMap<object, number>();
  #next = 1;

  /** The one object equal to `value`: by its JSON (keys must come in a fixed order), or by a shorter text that says all of it. */
  the<T extends object>(value: T, textOf: (value: T) => string = JSON.stringify): T {
    if (this.#numbers.has(value)) return value;
    const text = textOf(value);
    const known = this.#byText.get(text);
    if (known) return known as T;
    this.#byText.set(text, value);
    this.#numbers.set(value, this.#next++);
    return value;
  }

  /** Number of an interned object; 0 for none. */
  number(value: object | undefined): number {
    return value === undefined ? 0 : this.#numbers.get(value) ?? 0;
  }
}
