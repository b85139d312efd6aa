/** One object per value: equal parts of a world are the same object, and every such object has a small number. */
export class Interner {
  readonly #byText = new Map<string, object>();
  readonly #numbers = new WeakMap<object, number>();
  /** By number; nothing has 0. */
  readonly #objects: (object | undefined)[] = [undefined];

  /** The one object equal to `value`: by its JSON (keys must come in a fixed order), or by a shorter text that says all of it. */
  the<T extends object>(value: T, textOf: (value: T) => string = JSON.stringify): T {
    if (this.#numbers.has(value)) return value;
    const text = textOf(value);
    const known = this.#byText.get(text);
    if (known) return known as T;
    this.#byText.set(text, value);
    this.#numbers.set(value, this.#objects.push(value) - 1);
    return value;
  }

  /** Number of an interned object; 0 for none. */
  number(value: object | undefined): number {
    return value === undefined ? 0 : this.#numbers.get(value) ?? 0;
  }

  /** The object that has the number. */
  object<T extends object>(number: number): T | undefined {
    return this.#objects[number] as T | undefined;
  }
}
