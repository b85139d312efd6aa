/** What the parts of a domain file must be together: names, levels, ports and stores. */
import { marksProblem, type Watermarks } from '../model/watermarks.js';
import { MAX_CAPACITY } from '../model/limits.js';
import { callbacksProblem } from '../model/callbacks.js';
import { corsProblem, type CorsSettings, LOOPBACK_ORIGINS } from '../model/cors.js';
import type { DomainArea, DomainFile, DomainFileError, DomainNode, PortOptions } from './domain-file.js';
import type { ReadDomain, ReadNode } from './domain-read.js';
import type { At, ReadWork } from './domain-values.js';

const DEFAULT_BASE_PORT = 8080;
const DEFAULT_ORACLE_PORT = 7000;
const MAX_PORT = 65_535;

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const AREA_NAME = /^[^/]{1,253}$/;
const STORE_KINDS = ['auto', 'redis', 'embedded', 'memory'];
const DEFAULT_LEVELS = ['cloud', 'city', 'edge'];
const NAME_RULE = '1 to 63 lower-case letters, digits and dashes, with no dash at either end';

type Place = Pick<At<unknown>, 'line' | 'column'>;

export function checkTree(read: ReadDomain, ports: PortOptions): { domain: DomainFile; errors: DomainFileError[] } {
  const checker = new Checker(read, ports);
  const domain = checker.run();
  return { domain, errors: checker.errors };
}

class Checker {
  readonly errors: DomainFileError[] = [];
  private readonly names = new Map<string, Place>();
  /** Who has a port: a node's name, or the oracle. */
  private readonly owners = new Map<number, string>();
  private readonly levels: string[];
  private readonly fileBase: number;

  constructor(private readonly read: ReadDomain, private readonly ports: PortOptions) {
    this.levels = read.levels?.value.map(({ value }) => value) ?? DEFAULT_LEVELS;
    this.fileBase = read.basePort?.value ?? DEFAULT_BASE_PORT;
  }

  run(): DomainFile {
    const { domain, basePort, oraclePort, store, root } = this.read;
    if (domain && (domain.value === '' || domain.value.length > 256)) this.fail(domain, 'the domain\'s id has 1 to 256 characters');
    this.checkLevels();
    if (basePort) this.isPort(basePort.value, basePort, 'basePort');
    if (oraclePort && this.ports.oraclePort === undefined) this.isPort(oraclePort.value, oraclePort, 'oraclePort');
    if (store) this.checkStore(store);
    this.checkCors(this.read.cors);
    this.checkCallbacks(this.read.callbacks);
    this.checkMarks(this.read.offload);
    this.checkWork(this.read.work);
    const oracle = this.ports.oraclePort ?? oraclePort?.value ?? DEFAULT_ORACLE_PORT;
    this.owners.set(oracle, 'the oracle');
    const nodes = root ? this.nodes(root, 0) : [];
    const areas = this.areas(nodes.map(({ node }) => node));
    return {
      domainId: domain?.value ?? 'local', levels: this.levels, basePort: this.base, oraclePort: oracle,
      nodes: this.withPorts(nodes), ...(areas.length > 0 && { areas }),
    };
  }

  private get base(): number {
    return this.ports.basePort ?? this.fileBase;
  }

  private checkLevels(): void {
    const { levels, levelsKey } = this.read;
    if (!levels) return;
    if (levels.value.length === 0) this.fail(levels, `${levelsKey} names at least one level, the root's`);
    const listed = new Set<string>();
    levels.value.forEach((level) => {
      if (!NAME.test(level.value)) this.fail(level, `${level.value} is no good name of a level: ${NAME_RULE}`);
      if (listed.has(level.value)) this.fail(level, `the level ${level.value} is listed twice`);
      listed.add(level.value);
    });
  }

  private nodes(node: ReadNode, depth: number, parent?: string): { node: DomainNode; given?: At<number>; at: Place }[] {
    const { name, port, metricsPort, store, labels, cors, callbacks = this.read.callbacks, offload, work } = node;
    if (name) this.checkName(name);
    if (depth === this.levels.length) {
      this.fail(node.at, `${name?.value ?? 'this node'} is ${depth + 1} deep, but ${this.read.levelsKey} names only ${depth}: ${this.levels.join(', ')}`);
    }
    if (store) this.checkStore(store);
    if (metricsPort) this.isPort(metricsPort.value, metricsPort, 'metricsPort');
    this.checkCors(cors);
    this.checkCallbacks(node.callbacks);
    this.checkMarks(offload);
    this.checkWork(work);
    const made: DomainNode = {
      name: name?.value ?? '', level: this.levels[depth] ?? '', ...(parent !== undefined && { parent }), port: 0, ...(metricsPort && { metricsPort: metricsPort.value }),
      store: store?.value ?? this.read.store?.value ?? 'auto', labels,
      ...(callbacks && { callbacks: callbacks.value.map(({ value }) => value) }),
      ...((offload ?? this.read.offload) && { offload: (offload ?? this.read.offload)!.value }),
      cors: cors?.value ?? this.read.cors?.value ?? { origins: [...LOOPBACK_ORIGINS] }, ...valuesOf({ ...given(this.read.work), ...given(work) }),
    };
    const below = node.children.flatMap((child) => this.nodes(child, depth + 1, made.name));
    return [{ node: made, given: port, at: port ?? name ?? node.at }, ...below];
  }

  /** Given ports first, then the others count up from the base by their place in the file. */
  private withPorts(nodes: ReturnType<Checker['nodes']>): DomainNode[] {
    nodes.forEach(({ node, given, at }, index) => {
      if (given && !this.isPort(given.value, given, `the port of ${node.name}`)) return;
      node.port = given ? given.value - this.fileBase + this.base : this.base + index;
      if (this.base === 0) return;
      if (!given && !this.isPort(node.port, at, `the port of ${node.name}, counted from ${this.base},`)) return;
      if (given && node.port !== given.value && !this.isPort(node.port, at, `the port of ${node.name}, moved to ${node.port} with the base port,`)) return;
      const owner = this.owners.get(node.port);
      if (owner !== undefined) this.fail(at, `${node.name} would have port ${node.port}, which ${owner} has already`);
      else this.owners.set(node.port, node.name);
    });
    return nodes.map(({ node }) => node);
  }

  private checkName(name: At<string>): void {
    if (!NAME.test(name.value)) this.fail(name, `${JSON.stringify(name.value)} is no good name of a node: ${NAME_RULE}`);
    const first = this.names.get(name.value);
    if (first) this.fail(name, `there is a node ${name.value} already, at ${first.line}:${first.column}`);
    else this.names.set(name.value, name);
  }

  /** Each with its nodes and everything below them, in the order of the tree. */
  private areas(nodes: DomainNode[]): DomainArea[] {
    const below = new Below(nodes);
    return (this.read.areas ?? []).map(({ name, nodes: named }) => {
      if (!AREA_NAME.test(name.value)) this.fail(name, `"${name.value}" is no good name of an area: 1 to 253 characters, and no slash`);
      for (const each of named) if (!this.names.has(each.value)) this.fail(each, `the area ${name.value} names ${each.value}, and there is no such node`);
      return { name: name.value, nodes: below.from(named.map(({ value }) => value)) };
    });
  }

  private checkMarks(offload: At<Partial<Watermarks>> | undefined): void {
    const problem = offload && marksProblem(offload.value);
    if (problem) this.fail(offload!, `${problem.name} of offload: ${problem.reason}`);
  }

  private checkWork({ capacity, memoryLimitBytes, drain }: ReadWork = {}): void {
    if (drain && !isDrain(drain.value)) this.fail(drain, `drain is ${drain.value}; it is keep or move`);
    if (capacity && (capacity.value < 1 || capacity.value > MAX_CAPACITY)) this.fail(capacity, `capacity is ${capacity.value}; a node works on 1 to ${MAX_CAPACITY} requests at once`);
    if (memoryLimitBytes && memoryLimitBytes.value < 0) this.fail(memoryLimitBytes, `memoryLimitBytes is ${memoryLimitBytes.value}; it is a number of bytes, or 0 for no limit`);
  }

  private checkCors(cors: At<CorsSettings> | undefined): void {
    const problem = cors && corsProblem(cors.value);
    if (problem !== undefined) this.fail(cors!, problem);
  }

  private checkCallbacks(callbacks: At<At<string>[]> | undefined): void {
    for (const place of callbacks?.value ?? []) {
      const problem = callbacksProblem([place.value]);
      if (problem !== undefined) this.fail(place, problem);
    }
  }

  private checkStore(store: At<string>): void {
    if (STORE_KINDS.includes(store.value) || isStoreUrl(store.value)) return;
    // A password that stands there by mistake is not repeated.
    const isSecret = /:\/\/.*@/.test(store.value);
    if (isSecret) return this.fail(store, 'this store\'s address has a password in it; it belongs into the file store-password of the node\'s state folder');
    this.fail(store, `${store.value} is no store: use ${STORE_KINDS.join(', ')}, redis://host:port or unix:///path`);
  }

  private isPort(port: number, at: Place, what: string): boolean {
    if (port >= 1 && port <= MAX_PORT) return true;
    this.fail(at, `${what} is ${port}; a port is 1 to ${MAX_PORT}`);
    return false;
  }

  private fail({ line, column }: Place, reason: string): void {
    this.errors.push({ line, column, reason });
  }
}

/** Subtrees of a list in which every node stands before all that is below it, and nothing else in between. */
class Below {
  /** By name: places of the first node of the subtree and of the first behind it. */
  private readonly spans = new Map<string, [first: number, end: number]>();

  constructor(private readonly nodes: DomainNode[]) {
    const open: string[] = [];
    nodes.forEach(({ name, parent }, index) => {
      while (open.length > 0 && open.at(-1) !== parent) this.spans.get(open.pop()!)![1] = index;
      if (!this.spans.has(name)) this.spans.set(name, [index, nodes.length]);
      open.push(name);
    });
  }

  /** The nodes and all below them, each once, in the order of the list. */
  from(names: string[]): string[] {
    const spans = [...new Set(names)].flatMap((name) => { const span = this.spans.get(name); return span ? [span] : []; }).sort(([left], [right]) => left - right);
    const found: string[] = [];
    let done = 0;
    for (const [first, end] of spans) {
      for (let at = Math.max(first, done); at < end; at += 1) found.push(this.nodes[at]!.name);
      done = Math.max(done, end);
    }
    return found;
  }
}

/** Without the keys that say nothing, so that another's are not overwritten. */
function given(work: ReadWork = {}): ReadWork {
  return Object.fromEntries(Object.entries(work).filter(([, at]) => at !== undefined));
}

function isDrain(text: string): text is 'keep' | 'move' {
  return text === 'keep' || text === 'move';
}

function valuesOf({ capacity, memoryLimitBytes, performanceSamples, drain }: ReadWork): Pick<DomainNode, 'capacity' | 'memoryLimitBytes' | 'performanceSamples' | 'drain'> {
  return {
    ...(capacity && { capacity: capacity.value }), ...(memoryLimitBytes && { memoryLimitBytes: memoryLimitBytes.value }),
    ...(performanceSamples && { performanceSamples: performanceSamples.value }), ...(drain && isDrain(drain.value) && { drain: drain.value }),
  };
}

/** Whether it is an address of a Redis server; a password does not belong into it. */
function isStoreUrl(text: string): boolean {
  if (/^(unix|redis\+unix):\/\/\/./.test(text)) return true;
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { hostname, password, search } = new URL(text);
  return hostname !== '' && password === '' && search === '';
}
