/**
 * From the text of a domain file to its parts, each with its place; shape and types are checked here. There are two forms:
 * the tree of nodes below `root`, and the hierarchy of areas as the offloading thesis writes it. YAML and JSON are both read.
 */
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, type Scalar, visit } from 'yaml';
import type { CorsSettings } from '../model/cors.js';
import { MAX_TREE_DEPTH } from '../model/limits.js';
import type { Watermarks } from '../model/watermarks.js';
import type { DomainFileError } from './domain-file.js';
import { HIERARCHY_KEYS, HierarchyReader } from './domain-hierarchy.js';
import { type At, type ReadWork, ValueReader, type Values } from './domain-values.js';

export interface ReadNode {
  /** Where the node begins. */
  at: At<undefined>;
  name?: At<string>;
  port?: At<number>;
  metricsPort?: At<number>;
  store?: At<string>;
  labels: Record<string, string>;
  cors?: At<CorsSettings>;
  callbacks?: At<At<string>[]>;
  offload?: At<Partial<Watermarks>>;
  work: ReadWork;
  children: ReadNode[];
}

/** A collection of the inventory: some nodes, and everything below them. */
export interface ReadArea {
  name: At<string>;
  nodes: At<string>[];
}

export interface ReadDomain {
  domain?: At<string>;
  levels?: At<At<string>[]>;
  /** The file's word for levels. */
  levelsKey: string;
  store?: At<string>;
  basePort?: At<number>;
  oraclePort?: At<number>;
  cors?: At<CorsSettings>;
  callbacks?: At<At<string>[]>;
  offload?: At<Partial<Watermarks>>;
  /** Of every node that says nothing else. */
  work?: ReadWork;
  root?: ReadNode;
  /** Names of nodes by area. */
  areas?: ReadArea[];
  /** What stands in the file and is not taken. */
  remarks: DomainFileError[];
}

const DOMAIN_KEYS = ['domain', 'levels', 'store', 'basePort', 'oraclePort', 'cors', 'callbacks', 'offload', 'capacity', 'memoryLimitBytes', 'performanceSamples', 'drain', 'areas', 'root'];
const NODE_KEYS = ['name', 'port', 'metricsPort', 'store', 'labels', 'cors', 'callbacks', 'offload', 'capacity', 'memoryLimitBytes', 'performanceSamples', 'drain', 'children'];

export function readTree(text: string): { read: ReadDomain; errors: DomainFileError[] } {
  const lines = new LineCounter();
  // The reader's own look for a key that is there twice compares each key with all before it.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false });
  const reader = isHierarchy(document.contents) ? new HierarchyReader(lines) : new TreeReader(lines);
  for (const { pos, message } of document.errors) reader.failAt(pos[0], message.split(/ at line \d+/)[0]!.replace(/^./, (first) => first.toLowerCase()));
  for (const key of document.errors.length > 0 ? [] : keysTwice(document)) reader.failAt(key.range?.[0] ?? 0, 'map keys must be unique');
  // A tree guessed from a broken file would only add errors that are none.
  const read = reader.errors.length > 0 ? { levelsKey: 'levels', remarks: [] } : reader.domain(document.contents);
  return { read, errors: reader.errors };
}

/** Keys that their map has already. */
function keysTwice(document: Document): Scalar[] {
  const found: Scalar[] = [];
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value)) found.push(key);
        keys.add(key.value);
      }
    },
  });
  return found;
}

function isHierarchy(node: Node | null): boolean {
  return isMap(node) && HIERARCHY_KEYS.some((key) => node.has(key));
}

class TreeReader extends ValueReader {
  domain(node: Node | null): ReadDomain {
    const values = this.values(node, DOMAIN_KEYS, 'a domain file');
    if (!values) return { levelsKey: 'levels', remarks: [] };
    if (!values.has('root')) this.fail(node, 'the key root is missing: the node at the top of the tree');
    return {
      domain: this.text(values, 'domain'), levelsKey: 'levels',
      levels: this.texts(values, 'levels', 'a level', 'levels is a list of names, the root\'s first: [cloud, city, edge]'),
      store: this.text(values, 'store'), basePort: this.whole(values, 'basePort'), oraclePort: this.whole(values, 'oraclePort'),
      cors: this.cors(values), callbacks: this.callbacks(values), offload: this.marks(values), work: this.work(values), root: values.has('root') ? this.node(values.get('root')!, 1) : undefined, areas: this.areas(values),
      remarks: [],
    };
  }

  private areas(values: Values): ReadArea[] {
    const shape = 'areas is a map of lists of nodes: {north: [milan]}';
    const node = values.get('areas');
    if (!node || this.isAlias(node)) return [];
    if (!isMap(node)) {
      this.fail(node, shape);
      return [];
    }
    return node.items.flatMap(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : '';
      if (!value) this.fail(key as Node, shape);
      const nodes = this.texts(new Map([[name, value as Node | null]]), name, `a node of the area ${name}`, shape);
      return nodes ? [{ name: this.at(key as Node, name), nodes: nodes.value }] : [];
    });
  }

  private node(node: Node | null, depth: number): ReadNode | undefined {
    if (depth > MAX_TREE_DEPTH) {
      this.fail(node, `the tree is deeper than ${MAX_TREE_DEPTH} levels`);
      return undefined;
    }
    const values = this.values(node, NODE_KEYS, 'a node');
    if (!values) return undefined;
    if (!values.has('name')) this.fail(node, 'this node has no name');
    const children = this.items(values, 'children', 'children is a list of nodes, each with "- name: …"');
    return {
      at: this.at(node, undefined), name: this.text(values, 'name'), port: this.whole(values, 'port'), metricsPort: this.whole(values, 'metricsPort'), store: this.text(values, 'store'),
      labels: this.labels(values), cors: this.cors(values), callbacks: this.callbacks(values), offload: this.marks(values), work: this.work(values),
      children: children.map((child) => this.node(child, depth + 1)).filter((child) => child !== undefined),
    };
  }
}
