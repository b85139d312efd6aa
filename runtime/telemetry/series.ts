/** A series: what one entity says of one metric. Its identity, what is known about it, its latest value and its points in memory. */
import { Column } from './column.js';
import type { PointSlabs } from './slabs.js';

/** The fields beside identity, value and time, as the seed names them. */
export interface Meta {
  entityType?: string;
  name?: string;
  units?: string;
  desc?: string;
  group?: string;
  minVal?: number;
  maxVal?: number;
  higherIsBetter?: boolean;
  pod?: { uuid?: string; name?: string; namespace?: string };
  container?: { id?: string; name?: string };
}

export const META_TEXTS = ['entityType', 'name', 'units', 'desc', 'group'] as const;
export const META_NUMBERS = ['minVal', 'maxVal'] as const;
export const POD_TEXTS = ['uuid', 'name', 'namespace'] as const;
export const CONTAINER_TEXTS = ['id', 'name'] as const;

/** In the seed's order. */
const ORDER = ['entityType', 'name', 'units', 'desc', 'group', 'minVal', 'maxVal', 'higherIsBetter', 'pod', 'container'] as const;

export interface Identity {
  entityID: string;
  metricID: string;
}

/** What a series costs beside its points and texts: maps, the object itself. */
const SERIES_BYTES = 640;
/** A field of what is known of it, beside its text. */
const FIELD_BYTES = 48;

/** What a series that is known by these fields takes of its region: each text is kept as it is, and in JSON that was made of it. */
export function seriesBytes({ entityID, metricID }: Identity, meta: Meta | undefined): number {
  return SERIES_BYTES + 4 * (entityID.length + metricID.length) + metaBytes(meta);
}

function metaBytes(meta: object | undefined): number {
  if (meta === undefined) return 0;
  let bytes = FIELD_BYTES;
  for (const value of Object.values(meta)) bytes += FIELD_BYTES + (typeof value === 'string' ? 4 * value.length : typeof value === 'object' ? metaBytes(value) : 0);
  return bytes;
}

/** Of a series of which nothing is known: one for all, because it is never written to. */
const NOTHING_KNOWN: Meta = Object.freeze({});

export class Series implements Identity {
  readonly column: Column;
  meta: Meta = NOTHING_KNOWN;
  /** Time of the latest value; -1 when there is none or it was evicted. */
  latestMs = -1;
  latestValue = 0;
  /** Not 0: the latest value was deleted, and the one before it is looked for on disk. Changes with each such deletion. */
  sought = 0;
  /** When something about it was last news, counted over all of the node's own. */
  version = 0;
  /** Of the region of series. */
  bytes: number;
  /** When the latest value was stored here, by the node's clock: eviction counts from then, never from the point's own time. */
  storedMs = 0;
  private head: string | undefined;
  private tail: string | undefined;

  constructor(readonly id: number, readonly entityID: string, readonly metricID: string, readonly owner: string, slabs: PointSlabs) {
    this.column = new Column(slabs);
    this.bytes = seriesBytes(this, undefined);
  }

  get hasLatest(): boolean {
    return this.latestMs >= 0;
  }

  /** Given fields take the place of the known ones. @returns true when that is news */
  learn(given: Meta | undefined): boolean {
    if (given === undefined || !isNews(this.meta, given)) return false;
    this.meta = this.with(given);
    this.tail = undefined;
    this.bytes = seriesBytes(this, this.meta);
    return true;
  }

  /** Bytes that it would take more of the region, if it learnt this. */
  growthBy(given: Meta): number {
    return isNews(this.meta, given) ? seriesBytes(this, this.with(given)) - this.bytes : 0;
  }

  private with(given: Meta): Meta {
    return {
      ...this.meta, ...given, ...(given.pod && { pod: { ...this.meta.pod, ...given.pod } }),
      ...(given.container && { container: { ...this.meta.container, ...given.container } }),
    };
  }

  /** JSON of the identity, without braces. */
  get headJson(): string {
    return this.head ??= `"metricID":${JSON.stringify(this.metricID)},"entityID":${JSON.stringify(this.entityID)}`;
  }

  /** JSON of everything known about it, each field with a comma before it. */
  get tailJson(): string {
    return this.tail ??= ORDER.map((field) => this.meta[field] === undefined ? '' : `,"${field}":${JSON.stringify(this.meta[field])}`).join('');
  }
}

function isNews(known: Meta, given: Meta): boolean {
  for (const field in given) {
    const before = known[field as keyof Meta];
    const now = given[field as keyof Meta];
    if (typeof now !== 'object') {
      if (before !== now) return true;
    } else if (typeof before !== 'object' || isNews(before as Meta, now as Meta)) return true;
  }
  return false;
}
