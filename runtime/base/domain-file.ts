/**
 * Reads the file that describes a domain: its tree of nodes, their levels, ports and stores.
 * Everything that is wrong is found in one reading, each with the line and column where it stands.
 */
import type { FoundServer, NodeConfig } from '../model/config.js';
import type { CorsSettings } from '../model/cors.js';
import type { Watermarks } from '../model/watermarks.js';
import { checkTree } from './domain-check.js';
import { readTree } from './domain-read.js';

export interface DomainNode {
  name: string;
  /** Name of its level: `levels[depth]`. */
  level: string;
  /** Name of the node above; undefined at the root. */
  parent?: string;
  port: number;
  store: string;
  /** Of a listener with nothing but /metrics. */
  metricsPort?: number;
  labels: Record<string, string>;
  cors: CorsSettings;
  /** Places that callbacks of asynchronous calls may name. */
  callbacks?: string[];
  /** Policy of its offload trigger. */
  offload?: Partial<Watermarks>;
  /** Requests that it works on at once, as policies count its load. */
  capacity?: number;
  /** Bytes of sessions that count as a full store; 0: without a limit. */
  memoryLimitBytes?: number;
  /** Times of every stateful request go to the oracle. */
  performanceSamples?: boolean;
  /** What becomes of its sessions when it stops. */
  drain?: 'keep' | 'move';
}

export interface DomainFile {
  /** Id of the domain, from which the ids of its nodes and sessions follow. */
  domainId: string;
  levels: string[];
  basePort: number;
  oraclePort: number;
  /** Of the mirror's own Redis; undefined: it has none. */
  mirrorPort?: number;
  /** Depth first: every node stands behind its parent. */
  nodes: DomainNode[];
  /** Collections of the inventory. */
  areas?: DomainArea[];
}

export interface DomainArea {
  name: string;
  /** Names of its nodes, those below others too. */
  nodes: string[];
}

/** Line and column count from 1. */
export interface DomainFileError {
  line: number;
  column: number;
  reason: string;
}

/** Ports given on the command line; they win over the file's. A node with a port of its own keeps its distance to the base port. */
export interface PortOptions {
  basePort?: number;
  oraclePort?: number;
}

/** Either the domain, or everything that is wrong with its file, in the file's order; `remarks` name what stands there and is not taken. */
export type ParsedDomain = { domain: DomainFile; errors: []; remarks: DomainFileError[] } | { domain?: undefined; errors: DomainFileError[] };

export function parseDomainFile(text: string, ports: PortOptions = {}): ParsedDomain {
  const { read, errors } = readTree(text);
  const { domain, errors: more } = checkTree(read, ports);
  const all = [...errors, ...more].sort((left, right) => left.line - right.line || left.column - right.column);
  return all.length > 0 ? { errors: all } : { domain, errors: [], remarks: read.remarks };
}

/** `domain.yml:12:7: there are two nodes called milan` */
export function describeError(file: string, { line, column, reason }: DomainFileError): string {
  return `${file}:${line}:${column}: ${reason}`;
}

/** The port that RAINBOW's clients know, beside the base port that nodes have when nobody moves it. */
const ALIAS_BASE_PORT = 50_000;
const USUAL_BASE_PORT = 8_080;
const MAX_PORT = 65_535;

/** Moved with the base port, so that two domains on one machine keep out of each other's way; a free one where that leads nowhere. */
export function aliasPortOf(domain: DomainFile, index: number, aliasBase = ALIAS_BASE_PORT + domain.basePort - USUAL_BASE_PORT): number {
  if (aliasBase === 0 || domain.basePort === 0) return 0;
  const port = aliasBase + index;
  return port <= MAX_PORT && port > 0 ? port : 0;
}

export interface NodePlaces {
  host: string;
  oracleUrl: string;
  /** State folder of a node. */
  stateDirOf(name: string): string;
  adminUser: string;
  adminPasswordFile: string;
  peerKeyFile: string;
  payloadSecretFile?: string;
  awaitFunctions: string[];
  storeServer?: FoundServer;
  /** Port of the first node's listener for RAINBOW's clients; the others count up from it in the file's order. */
  aliasBasePort?: number;
}

/** What each node is started with, in the file's order. */
export function nodeConfigs(domain: DomainFile, places: NodePlaces): NodeConfig[] {
  const { stateDirOf, aliasBasePort: aliasBase, ...shared } = places;
  const urlOf = new Map(domain.nodes.map(({ name, port }) => [name, `http://${places.host}:${port}`]));
  return domain.nodes.map(({ name, level, parent, port, store, labels, cors, callbacks, offload, capacity, memoryLimitBytes, performanceSamples, drain, metricsPort }, index) => ({
    ...shared, name, level, port, url: urlOf.get(name)!, ...(parent !== undefined && { parentUrl: urlOf.get(parent)! }),
    domainId: domain.domainId, labels, store, cors, ...(callbacks && { callbacks }), ...(offload && { offload }), stateDir: stateDirOf(name),
    ...(capacity !== undefined && { capacity }), ...(memoryLimitBytes !== undefined && { memoryLimitBytes }), ...(performanceSamples !== undefined && { performanceSamples }),
    ...(drain && { drain }), ...(metricsPort !== undefined && { metricsPort }), telemetry: { aliasPort: aliasPortOf(domain, index, aliasBase) },
  }));
}

