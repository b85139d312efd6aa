/**
 * The infrastructure file of the offloading thesis: `areaTypesIdentifiers` names the levels, `hierarchy` has the area at
 * the top, and an area is the node of the same name. Its `mainLocation` says where the area's OpenFaaS and Redis are; of
 * these a domain on this machine takes what is on this machine, and remarks on the rest.
 */
import type { LineCounter, Node } from 'yaml';
import { MAX_TREE_DEPTH } from '../model/limits.js';
import type { DomainFileError } from './domain-file.js';
import type { ReadDomain, ReadNode } from './domain-read.js';
import { type At, ValueReader, type Values, WORK_KEYS } from './domain-values.js';

/** One of these makes a file an infrastructure file. */
export const HIERARCHY_KEYS = ['areaTypesIdentifiers', 'hierarchy'];

const FILE_KEYS = [...HIERARCHY_KEYS, 'domain', 'store', 'basePort', 'oraclePort', 'cors', 'callbacks', 'offload', ...WORK_KEYS];
const AREA_KEYS = ['areaName', 'mainLocation', 'areas', 'store', 'labels', ...WORK_KEYS];
const LOCATION_KEYS = ['location_id', 'openfaas_gateway', 'openfaas_password', 'redis_host', 'redis_port', 'redis_password'];
const REDIS_PORT = 6379;
const HTTP_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

interface Location {
  port?: At<number>;
  store?: At<string>;
}

export class HierarchyReader extends ValueReader {
  private readonly remarks: DomainFileError[] = [];
  private readonly remarked = new Set<string>();

  constructor(lines: LineCounter) {
    super(lines);
  }

  domain(node: Node | null): ReadDomain {
    const [levelsKey] = HIERARCHY_KEYS as [string];
    const values = this.values(node, FILE_KEYS, 'an infrastructure file');
    if (!values) return { levelsKey, remarks: [] };
    for (const key of HIERARCHY_KEYS) if (!values.has(key)) this.fail(node, `the key ${key} is missing: it stands beside ${HIERARCHY_KEYS.find((other) => other !== key)!}`);
    const levels = this.texts(values, levelsKey, 'an area type', `${levelsKey} is a list of names, the top area's first: ["continent", "country", "city"]`);
    return {
      domain: this.text(values, 'domain'), cors: this.cors(values), callbacks: this.callbacks(values), offload: this.marks(values), work: this.work(values), levels, levelsKey, store: this.text(values, 'store'),
      basePort: this.whole(values, 'basePort'), oraclePort: this.whole(values, 'oraclePort'), root: this.top(values), remarks: this.remarks,
    };
  }

  /** A tree has one root; the file has it as the only item of a list. */
  private top(values: Values): ReadNode | undefined {
    const areas = this.items(values, 'hierarchy', 'hierarchy is a list of one area, the one at the top: [{"areaName": …, "areas": […]}]');
    if (areas.length > 1) this.fail(areas[1]!, 'hierarchy has one area at the top, and the others in its areas: sessions climb to one root');
    if (areas.length === 0 && values.has('hierarchy') && this.errors.length === 0) this.fail(values.get('hierarchy')!, 'hierarchy is empty: the area at the top is missing');
    return areas[0] && this.area(areas[0], 1);
  }

  private area(node: Node, depth: number): ReadNode | undefined {
    if (depth > MAX_TREE_DEPTH) {
      this.fail(node, `the hierarchy is deeper than ${MAX_TREE_DEPTH} levels`);
      return undefined;
    }
    const values = this.values(node, AREA_KEYS, 'an area');
    if (!values) return undefined;
    if (!values.has('areaName')) this.fail(node, 'this area has no areaName');
    const location = values.has('mainLocation') ? this.location(values.get('mainLocation')!) : {};
    const areas = this.items(values, 'areas', 'areas is a list of areas: [{"areaName": …}]');
    return {
      at: this.at(node, undefined), name: this.text(values, 'areaName'), port: location.port, store: this.text(values, 'store') ?? location.store,
      labels: this.labels(values), work: this.work(values), children: areas.map((area) => this.area(area, depth + 1)).filter((area) => area !== undefined),
    };
  }

  private location(node: Node | null): Location {
    const values = this.values(node, LOCATION_KEYS, 'a mainLocation');
    if (!values) return {};
    this.remarkOn(values, 'openfaas_password', 'the domain has one password, ADMIN_PASSWORD or a generated one');
    this.remarkOn(values, 'redis_password', 'put it into the file store-password in the node\'s state folder');
    return { port: this.port(values), store: this.store(values) };
  }

  private port(values: Values): At<number> | undefined {
    const gateway = this.text(values, 'openfaas_gateway');
    if (!gateway) return undefined;
    const url = URL.canParse(gateway.value) ? new URL(gateway.value) : undefined;
    if (!url || !(url.protocol in HTTP_PORTS)) {
      this.errors.push({ ...placeOf(gateway), reason: `openfaas_gateway is ${gateway.value}; it is an address such as http://127.0.0.1:8080` });
      return undefined;
    }
    if (isHere(url.hostname)) return { ...gateway, value: Number(url.port) || HTTP_PORTS[url.protocol]! };
    this.remark(gateway, `${url.host} is another machine's: the node is started on this one, its port counted from the base port`);
    return undefined;
  }

  private store(values: Values): At<string> | undefined {
    const host = this.text(values, 'redis_host');
    const port = this.whole(values, 'redis_port');
    if (!host) return undefined;
    if (isHere(host.value)) return { ...host, value: `redis://${host.value}:${port?.value ?? REDIS_PORT}` };
    this.remark(host, `the Redis at ${host.value} is another machine's: the node has the store of the whole file, or its own \`store\``);
    return undefined;
  }

  /** Once for each key: a file has as many as areas. */
  private remarkOn(values: Values, key: string, instead: string): void {
    if (!values.has(key) || this.remarked.has(key)) return;
    this.remarked.add(key);
    this.remark(this.at(values.get(key)!, undefined), `${key} is not read, here and elsewhere: ${instead}`);
  }

  private remark(at: At<unknown>, reason: string): void {
    this.remarks.push({ ...placeOf(at), reason });
  }
}

function placeOf({ line, column }: At<unknown>): { line: number; column: number } {
  return { line, column };
}

function isHere(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
