/** How many replicas of a function there should be: OpenFaaS's labels, and what follows from them. */
import type { Deployment } from '../../model/config.js';
import { MAX_REPLICAS, SCALE_DOWN_WINDOW_MS } from '../../model/limits.js';
import { durationMs } from '../../base/timeouts.js';

export type ScaleType = 'rps' | 'capacity' | 'queue' | 'cpu';

export interface ScaleRules {
  min: number;
  max: number;
  /** Percent of `max` that an alert adds. */
  factor: number;
  /** It may end all its replicas when nobody calls it for `zeroAfterMs`. */
  zero: boolean;
  zeroAfterMs: number;
  /** What load is measured in; undefined for what this node does not measure. */
  type: ScaleType | undefined;
  /** Load (of `cpu`, thousandths of a processor) that one replica takes, less a reserve. */
  target: number;
  /** It goes down to the most that was wanted within so long. */
  downWindowMs: number;
  /** Somebody chose how many there are to be; without that the worker grows and shrinks by itself. */
  isScaled: boolean;
  /** The load decides, rather than alerts. */
  isAutomatic: boolean;
}

const PREFIX = 'com.openfaas.scale.';
/** OpenFaaS's own. */
const DEFAULTS = { min: 1, max: 20, factor: 20, target: 50, proportion: 0.9, zeroAfterMs: 15 * 60_000 };
const TYPES: readonly string[] = ['rps', 'capacity', 'queue', 'cpu'];
const MAX_DOWN_WINDOW_MS = 5 * 60_000;

/** What is no valid value counts as left out, as in OpenFaaS. */
export function scaleRulesOf({ labels = {} }: Pick<Deployment, 'labels'>): ScaleRules {
  const of = (name: string): string | undefined => labels[PREFIX + name];
  const whole = (name: string, most: number, otherwise: number) => {
    const text = of(name) ?? '';
    return /^\d{1,9}$/.test(text) ? Math.min(Number(text), most) : otherwise;
  };
  const decimal = (name: string, otherwise: number) => {
    const value = Number(of(name) ?? NaN);
    return Number.isFinite(value) && value > 0 ? value : otherwise;
  };
  const min = whole('min', MAX_REPLICAS, DEFAULTS.min);
  const type = of('type') ?? 'rps';
  const isChosen = of('type') !== undefined || of('target') !== undefined;
  return {
    min, max: Math.max(min, whole('max', MAX_REPLICAS, DEFAULTS.max)), factor: whole('factor', 100, DEFAULTS.factor),
    zero: of('zero') === 'true', zeroAfterMs: durationMs(of('zero-duration') ?? '') ?? DEFAULTS.zeroAfterMs,
    type: TYPES.includes(type) ? type as ScaleType : undefined, target: decimal('target', DEFAULTS.target) * decimal('target-proportion', DEFAULTS.proportion),
    downWindowMs: Math.min(durationMs(of('down.window') ?? '') ?? SCALE_DOWN_WINDOW_MS, MAX_DOWN_WINDOW_MS),
    isScaled: Object.keys(labels).some((label) => label.startsWith(PREFIX)),
    isAutomatic: isChosen || (of('factor') === undefined && ['min', 'max', 'zero'].some((name) => of(name) !== undefined)),
  };
}

/** @param load of all replicas together, in the unit of the rules' type */
export function replicasFor({ min, max, target }: ScaleRules, load: number): number {
  return within({ min: Math.max(1, min), max }, Math.ceil(load / target));
}

/** What an alert of OpenFaaS's kind asks for. */
export function replicasAfterAlert({ min, max, factor }: ScaleRules, now: number, isFiring: boolean): number {
  if (!isFiring) return Math.max(1, min);
  if (factor === 0 || min === max) return now;
  return within({ min: Math.max(1, min), max }, now + Math.ceil(max * factor / 100));
}

function within({ min, max }: { min: number; max: number }, replicas: number): number {
  return Math.max(min, Math.min(max, replicas));
}
