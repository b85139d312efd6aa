/** What a node's telemetry is told: by its configuration and by the environment variables that the seed names. */
import type { TelemetryConfig } from '../model/config.js';
import { MIN_REGION_MB } from '../model/limits.js';

export type Durability = 'buffer' | 'flush';

export interface TelemetrySettings {
  isHead: boolean | undefined;
  /** Other nodes' addresses, for a node without an oracle. */
  discovery: string[];
  appCache: boolean;
  evictionMs: number;
  /** Memory of everything that is in memory only. */
  memoryBytes: number;
  /** Memory of what is also on disk. */
  persistentBytes: number;
  history: boolean;
  durability: Durability;
  retentionMs: number;
  compactAfterPoints: number;
  ownSamplesMs: number;
  /** Said once at the start. */
  warnings: string[];
}

const DEFAULT_SIZE_MB = 512;
const DEFAULT_EVICTION_HOURS = 168;
const DEFAULT_RETENTION_DAYS = 90;
const DEFAULT_COMPACT_POINTS = 20_000_000;
const DEFAULT_OWN_SAMPLES_S = 10;
const MB = 1024 * 1024;
/** Resident without a point: the engine and the node's code (measured: 68 to 96 MB). */
const ENGINE_MB = 96;
/** The library of the database, its thread, its cache, and what the allocator keeps of logs that it took up (measured: up to 120 MB). */
const DATABASE_MB = 120;
/** Garbage of batches and answers until V8 collects it: it lets the heap grow to several times what lives there (measured: 20 to 100 MB, once 160). */
const GARBAGE_MB = 88;
const HOUR_MS = 3_600_000;

type Environment = Record<string, string | undefined>;

/**
 * @param config of the node's file; what it says wins over the environment
 * @param named the node has its name and its place in the tree from a domain file: CLUSTER_HEAD and DISCOVERY, which containers export, say nothing about it
 */
export function telemetrySettings(config: TelemetryConfig, environment: Environment, named: boolean): TelemetrySettings {
  const { CLUSTER_HEAD, DISCOVERY, APP_CACHE, EVICTION, SIZE, JAVA_OPTS } = environment;
  const warnings: string[] = [];
  const sizeMb = config.sizeMb ?? amountOf('SIZE', SIZE?.replace(/\s*mi?b?$/i, ''), DEFAULT_SIZE_MB, warnings);
  if (sizeMb / 2 < MIN_REGION_MB) warnings.push(`SIZE=${sizeMb} is less than ${MIN_REGION_MB} MB for each of two regions: each gets ${MIN_REGION_MB} MB`);
  if (JAVA_OPTS) warnings.push('JAVA_OPTS is ignored: there is no JVM here; SIZE bounds the memory of telemetry');
  const history = config.history ?? true;
  const regionBytes = regionMb(sizeMb, history) * MB;
  return {
    isHead: named ? undefined : flagOf('CLUSTER_HEAD', CLUSTER_HEAD, undefined, warnings),
    discovery: named ? [] : (DISCOVERY ?? '').split(',').map((host) => host.trim()).filter((host) => host !== ''),
    appCache: config.appCache ?? flagOf('APP_CACHE', APP_CACHE, false, warnings)!,
    evictionMs: (config.evictionHours ?? amountOf('EVICTION', EVICTION, DEFAULT_EVICTION_HOURS, warnings)) * HOUR_MS,
    memoryBytes: regionBytes, persistentBytes: regionBytes,
    history, durability: config.durability ?? 'buffer',
    retentionMs: (config.retentionDays ?? DEFAULT_RETENTION_DAYS) * 24 * HOUR_MS,
    compactAfterPoints: config.compactAfterPoints ?? DEFAULT_COMPACT_POINTS,
    ownSamplesMs: (config.ownSamplesSeconds ?? DEFAULT_OWN_SAMPLES_S) * 1_000, warnings,
  };
}

/**
 * Each of two regions: what is left of SIZE beside what is there anyway. Where that would take more than half of it the regions have the
 * other half, and what is there anyway comes on top; never less than the seed's least.
 */
function regionMb(sizeMb: number, history: boolean): number {
  const fixedMb = ENGINE_MB + GARBAGE_MB + (history ? DATABASE_MB : 0);
  return Math.max((sizeMb - fixedMb) / 2, Math.min(sizeMb / 4, 128), MIN_REGION_MB);
}

function flagOf(name: string, text: string | undefined, otherwise: boolean | undefined, warnings: string[]): boolean | undefined {
  if (text === undefined || text === '') return otherwise;
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  warnings.push(`${name}=${text} is neither true nor false: it is taken for ${otherwise ?? 'not given'}`);
  return otherwise;
}

function amountOf(name: string, text: string | undefined, otherwise: number, warnings: string[]): number {
  if (text === undefined || text === '') return otherwise;
  const amount = Number(text);
  if (Number.isFinite(amount) && amount > 0) return amount;
  warnings.push(`${name}=${text} is no number above 0: it is taken for ${otherwise}`);
  return otherwise;
}
