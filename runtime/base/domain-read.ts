/** From the text of a domain file to its parts, each with its place; shape and types are checked here. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import { MAX_TREE_DEPTH } from '../model/limits.js';
import type { DomainFileError } from './domain-file.js';

/** A value and where it stands. */
export interface At<T> {
  value: T;
  line: number;
  column: number;
}

export interface ReadNode {
  /** Where the node begins. */
  at: At<undefined>;
  name?: At<string>;
  port?: At<number>;
  store?: At<string>;
  labels: Record<string, string>;
  children: ReadNode[];
}

export interface ReadDomain {
  domain?: At<string>;
  levels?: At<At<string>[]>;
  store?: At<string>;
  basePort?: At<number>;
  oraclePort?: At<number>;
  root?: ReadNode;
}

const DOMAIN_KEYS = ['domain', 'levels', 'store', 'basePort', 'oraclePort', 'root'];
const NODE_KEYS = ['name', 'port', 'store', 'labels', 'children'];
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;
const MAX_LABEL_VALUE = 256;

export function readTree(text: string): { read: ReadDomain; errors: DomainFileError[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const reader = new Reader(lines);
  for (const { pos, message } of document.errors) reader.failAt(pos[0], message.split(/ at line \d+/)[0]!.replace(/^./, (first) => first.toLowerCase()));
  // A tree guessed from broken YAML would only add errors that are none.
  return { read: document.errors.length > 0 ? {} : reader.domain(document.contents), errors: reader.errors };
}

type Values = Map<string, Node | null>;

class Reader {
  readonly errors: DomainFileError[] = [];

  constructor(private readonly lines: LineCounter) {}

  domain(node: Node | null): ReadDomain {
    const values = this.values(node, DOMAIN_KEYS, 'a domain file', 'domain, levels, store, basePort, oraclePort and root');
    if (!values) return {};
    if (!values.has('root')) this.failAt(node?.range?.[0] ?? 0, 'the key root is missing: the node at the top of the tree');
    return {
      domain: this.text(values, 'domain'), levels: this.levels(values), store: this.text(values, 'store'),
      basePort: this.whole(values, 'basePort'), oraclePort: this.whole(values, 'oraclePort'),
      root: values.has('root') ? this.node(values.get('root')!, 1) : undefined,
    };
  }

  failAt(offset: number, reason: string): void {
    const { line, col } = this.lines.linePos(offset);
    this.errors.push({ line: Math.max(line, 1), column: Math.max(col, 1), reason });
  }

  private node(node: Node | null, depth: number): ReadNode | undefined {
    const at = this.at(node, undefined);
    if (depth > MAX_TREE_DEPTH) {
      this.fail(node, `the tree is deeper than ${MAX_TREE_DEPTH} levels`);
      return undefined;
    }
    const values = this.values(node, NODE_KEYS, 'a node', 'name, port, store, labels and children');
    if (!values) return undefined;
    if (!values.has('name')) this.fail(node, 'this node has no name');
    return {
      at, name: this.text(values, 'name'), port: this.whole(values, 'port'), store: this.text(values, 'store'),
      labels: this.labels(values), children: this.children(values, depth),
    };
  }

  private children(values: Values, depth: number): ReadNode[] {
    const children = values.get('children');
    if (!children || isEmpty(children)) return [];
    if (this.isAlias(children)) return [];
    if (!isSeq(children)) {
      this.fail(children, 'children is a list of nodes, each with "- name: …"');
      return [];
    }
    return children.items.map((child) => this.node(child as Node | null, depth + 1)).filter((child) => child !== undefined);
  }

  private levels(values: Values): At<At<string>[]> | undefined {
    const levels = values.get('levels');
    if (!levels) return undefined;
    if (this.isAlias(levels)) return undefined;
    if (!isSeq(levels)) {
      this.fail(levels, 'levels is a list of names, the root\'s first: [cloud, city, edge]');
      return undefined;
    }
    return this.at(levels, levels.items.flatMap((item) => this.scalar(item as Node, 'a level', 'string') ?? []));
  }

  private labels(values: Values): Record<string, string> {
    const labels = values.get('labels');
    if (!labels || isEmpty(labels)) return {};
    if (this.isAlias(labels)) return {};
    if (!isMap(labels)) {
      this.fail(labels, 'labels is a map of texts: {zone: north}');
      return {};
    }
    return Object.fromEntries(labels.items.flatMap(({ key, value }) => this.label(key as Node, value as Node | null)));
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

  /** The values of a map by key; complains about keys that are not known. */
  private values(node: Node | null, known: string[], what: string, list: string): Values | undefined {
    if (node && this.isAlias(node)) return undefined;
    if (!isMap(node)) {
      this.fail(node, `${what} is a map with the keys ${list}`);
      return undefined;
    }
    const values: Values = new Map();
    for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (known.includes(name)) values.set(name, value ?? key);
      else this.fail(key, `unknown key ${name || '(not a text)'}: ${what} has ${list}`);
    }
    return values;
  }

  private text(values: Values, key: string): At<string> | undefined {
    const node = values.get(key);
    return node ? this.scalar(node, key, 'string') : undefined;
  }

  private whole(values: Values, key: string): At<number> | undefined {
    const node = values.get(key);
    const found = node ? this.scalar<number>(node, key, 'number') : undefined;
    if (!found || Number.isInteger(found.value)) return found;
    this.fail(node!, `${key} is a whole number`);
    return undefined;
  }

  private scalar<T extends string | number = string>(node: Node, what: string, type: 'string' | 'number'): At<T> | undefined {
    if (this.isAlias(node)) return undefined;
    if (isScalar(node) && typeof node.value === type) return this.at(node, node.value as T);
    const given = isScalar(node) ? ` and not ${JSON.stringify(node.value)}` : '';
    this.fail(node, `${what} is a ${type === 'string' ? 'text' : 'number'}${given}${type === 'string' && given ? '; put it in quotes' : ''}`);
    return undefined;
  }

  /** An alias could put a node below itself, and two nodes can never be the same one. */
  private isAlias(node: Node): boolean {
    if (!isAlias(node)) return false;
    this.fail(node, `*${node.source} is an alias: write the node out, a tree has every node once`);
    return true;
  }

  private at<T>(node: Node | null, value: T): At<T> {
    const { line, col } = this.lines.linePos(node?.range?.[0] ?? 0);
    return { value, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  private fail(node: Node | null, reason: string): void {
    this.failAt(node?.range?.[0] ?? 0, reason);
  }
}

function isEmpty(node: Node): boolean {
  return isScalar(node) && (node.value === null || node.value === 'children' || node.value === 'labels');
}
