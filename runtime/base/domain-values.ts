/** The parts of a YAML or JSON document, each with its place; whatever is of another shape or type is refused there. */
import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type YAMLMap } from 'yaml';
import type { CorsSettings } from '../model/cors.js';
import type { Watermarks } from '../model/watermarks.js';
import type { DomainFileError } from './domain-file.js';

/** A value and where it stands. */
export interface At<T> {
  value: T;
  line: number;
  column: number;
}

export interface ReadWork {
  capacity?: At<number>;
  memoryLimitBytes?: At<number>;
  performanceSamples?: At<boolean>;
  drain?: At<string>;
}

export const WORK_KEYS = ['capacity', 'memoryLimitBytes', 'performanceSamples'] as const;

/** What a map has, by key. */
export type Values = Map<string, Node | null>;

const MARK_KEYS = ['capacityMb', 'highPercent', 'lowPercent', 'everySeconds', 'batch', 'choose'];
const CORS_KEYS = ['origins', 'credentials', 'headers', 'maxAge'];
const TYPES = { string: 'a text', number: 'a number', boolean: 'true or false' };
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;
const MAX_LABEL_VALUE = 256;

export class ValueReader {
  readonly errors: DomainFileError[] = [];

  constructor(private readonly lines: LineCounter) {}

  failAt(offset: number, reason: string): void {
    this.errors.push({ ...this.placeOf(offset), reason });
  }

  protected fail(node: Node | null, reason: string): void {
    this.failAt(node?.range?.[0] ?? 0, reason);
  }

  protected at<T>(node: Node | null, value: T): At<T> {
    return { value, ...this.placeOf(node?.range?.[0] ?? 0) };
  }

  /** The values of a map by key; complains about keys that are not known. */
  protected values(node: Node | null, known: readonly string[], what: string): Values | undefined {
    if (node && this.isAlias(node)) return undefined;
    if (!isMap(node)) {
      this.fail(node, `${what} is a map with the keys ${listed(known)}`);
      return undefined;
    }
    const values: Values = new Map();
    for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (known.includes(name)) values.set(name, value ?? key);
      else this.fail(key, `unknown key ${name || '(not a text)'}: ${what} has ${listed(known)}`);
    }
    return values;
  }

  /** The items of a list; none when the key is missing or has no value. @param shape what belongs there */
  protected items(values: Values, key: string, shape: string): Node[] {
    const list = values.get(key);
    if (!list || isEmpty(list, key) || this.isAlias(list)) return [];
    if (isSeq(list)) return list.items as Node[];
    this.fail(list, shape);
    return [];
  }

  protected texts(values: Values, key: string, what: string, shape: string): At<At<string>[]> | undefined {
    const list = values.get(key);
    if (!list || this.isAlias(list)) return undefined;
    if (!isSeq(list)) {
      this.fail(list, shape);
      return undefined;
    }
    return this.at(list, list.items.flatMap((item) => this.scalar(item as Node, what, 'string') ?? []));
  }

  protected labels(values: Values): Record<string, string> {
    const labels = values.get('labels');
    if (!labels || isEmpty(labels, 'labels')) return {};
    if (this.isAlias(labels)) return {};
    if (!isMap(labels)) {
      this.fail(labels, 'labels is a map of texts: {zone: north}');
      return {};
    }
    return Object.fromEntries(labels.items.flatMap(({ key, value }) => this.label(key as Node, value as Node | null)));
  }

  protected text(values: Values, key: string): At<string> | undefined {
    const node = values.get(key);
    return node ? this.scalar(node, key, 'string') : undefined;
  }

  protected flag(values: Values, key: string): At<boolean> | undefined {
    const node = values.get(key);
    return node ? this.scalar<boolean>(node, key, 'boolean') : undefined;
  }

  /** What policies and the oracle are told of a node; whether the numbers make sense is checked later. */
  protected work(values: Values): ReadWork {
    return { capacity: this.whole(values, 'capacity'), memoryLimitBytes: this.whole(values, 'memoryLimitBytes'), performanceSamples: this.flag(values, 'performanceSamples'), drain: this.text(values, 'drain') };
  }

  protected whole(values: Values, key: string): At<number> | undefined {
    const node = values.get(key);
    const found = node ? this.scalar<number>(node, key, 'number') : undefined;
    if (!found || Number.isInteger(found.value)) return found;
    this.fail(node!, `${key} is a whole number`);
    return undefined;
  }

  /** As it stands; whether its origins are any is checked later. */
  protected cors(values: Values): At<CorsSettings> | undefined {
    const node = values.get('cors');
    const given = node ? this.values(node, CORS_KEYS, 'cors') : undefined;
    if (!given) return undefined;
    const list = (key: string) => this.texts(given, key, `one of ${key}`, `${key} is a list of texts`)?.value.map(({ value }) => value);
    const maxAgeS = this.whole(given, 'maxAge')?.value;
    const flag = given.get('credentials');
    const credentials = flag ? this.scalar<boolean>(flag, 'credentials', 'boolean')?.value : undefined;
    const headers = list('headers');
    return this.at(node!, {
      origins: list('origins') ?? [], ...(credentials !== undefined && { credentials }), ...(headers && { headers }), ...(maxAgeS !== undefined && { maxAgeS }),
    });
  }

  /** As they stand; whether they are places is checked later. */
  protected callbacks(values: Values): At<At<string>[]> | undefined {
    return this.texts(values, 'callbacks', 'one of callbacks', 'callbacks is a list of places: [https://shop.example]');
  }

  /** Policy of the offload trigger, as it stands; whether it can be followed is checked later. */
  protected marks(values: Values): At<Partial<Watermarks>> | undefined {
    const node = values.get('offload');
    const given = node ? this.values(node, MARK_KEYS, 'offload') : undefined;
    if (!given) return undefined;
    const marks: Record<string, number | string> = {};
    for (const [key, value] of given) {
      const found = value && this.scalar<number | string>(value, key, key === 'choose' ? 'string' : 'number');
      if (found) marks[key] = found.value;
    }
    return this.at(node!, marks as Partial<Watermarks>);
  }

  private label(key: Node, value: Node | null): [string, string][] {
    const name = isScalar(key) ? String(key.value) : '';
    if (!LABEL.test(name)) {
      this.fail(key, `the label ${name || 'here'} is no good name: 1 to 63 letters, digits, dots, dashes, underscores and slashes`);
      return [];
    }
    if (!isScalar(value) || !['string', 'number', 'boolean'].includes(typeof value.value)) {
      this.fail(value ?? key, `the label ${name} needs a text as its value`);
      return [];
    }
    const text = String(value.value);
    if (text.length > MAX_LABEL_VALUE) this.fail(value, `the label ${name} is longer than ${MAX_LABEL_VALUE} characters`);
    return [[name, text]];
  }

  private scalar<T extends string | number | boolean = string>(node: Node, what: string, type: keyof typeof TYPES): At<T> | undefined {
    if (this.isAlias(node)) return undefined;
    if (isScalar(node) && typeof node.value === type) return this.at(node, node.value as T);
    const given = isScalar(node) ? ` and not ${JSON.stringify(node.value)}` : '';
    this.fail(node, `${what} is ${TYPES[type]}${given}${type === 'string' && given ? '; put it in quotes' : ''}`);
    return undefined;
  }

  /** An alias could put a node below itself, and two nodes can never be the same one. */
  protected isAlias(node: Node): boolean {
    if (!isAlias(node)) return false;
    this.fail(node, `*${node.source} is an alias: write the node out, a tree has every node once`);
    return true;
  }

  private placeOf(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/** `a, b and c` */
function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;
}

/** A key without a value; then its own node stands for the value. */
function isEmpty(node: Node, key: string): boolean {
  return isScalar(node) && (node.value === null || node.value === key);
}
