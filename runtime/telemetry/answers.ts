/** Answers in the seed's shapes, put together as text: the parts of a series that do not change are made once. */
import { Fault } from '../model/faults.js';
import type { Aggregate } from './aggregate.js';
import type { Meta, Series } from './series.js';

export interface TelemetryReply {
  status: number;
  body: string | Buffer;
  /** JSON unless said otherwise. */
  type?: string;
  headers?: Record<string, string>;
}

/** Points of one series, by time. */
export interface SeriesValues {
  series: Series;
  /** Time and value in turn. */
  pairs: Float64Array;
}

export function seriesJson({ series, pairs }: SeriesValues): string {
  let values = '';
  for (let at = 0; at < pairs.length; at += 2) values += `${at > 0 ? ',' : ''}{"timestamp":${pairs[at]},"val":${numberJson(pairs[at + 1]!)}}`;
  return `{${series.headJson},"values":[${values}]${series.tailJson}}`;
}

export function latestJson(series: Series): string {
  return `{${series.headJson},"values":[{"timestamp":${series.latestMs},"val":${numberJson(series.latestValue)}}]${series.tailJson}}`;
}

/** JSON has one zero only in JavaScript's hands: what was sent as -0 comes back as such. */
function numberJson(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

/** A field of a listing: name in the answer, name in `fields`, and where it is known. */
const LISTED: [field: string, of: (meta: Meta) => unknown][] = [
  ['entityType', (meta) => meta.entityType], ['name', (meta) => meta.name], ['units', (meta) => meta.units], ['desc', (meta) => meta.desc],
  ['group', (meta) => meta.group], ['minVal', (meta) => meta.minVal], ['maxVal', (meta) => meta.maxVal], ['higherIsBetter', (meta) => meta.higherIsBetter],
];
const LISTED_POD: typeof LISTED = [['podName', (meta) => meta.pod?.name], ['podUUID', (meta) => meta.pod?.uuid], ['podNamespace', (meta) => meta.pod?.namespace]];
const LISTED_CONTAINER: typeof LISTED = [['containerName', (meta) => meta.container?.name], ['containerID', (meta) => meta.container?.id]];

export interface ListedSeries {
  metricID: string;
  entityID: string;
  meta: Meta;
}

/** Identity always, of the rest what is asked for; names that are no fields are passed over, as the seed's own example has one. */
export function listed(node: string, { metricID, entityID, meta }: ListedSeries, fields: Set<string> | undefined): object {
  const only = (from: typeof LISTED) => Object.fromEntries(from.flatMap(([name, of]) => {
    const value = fields === undefined || fields.has(name) ? of(meta) : undefined;
    return value === undefined ? [] : [[name, value]];
  }));
  const pod = only(LISTED_POD);
  const container = only(LISTED_CONTAINER);
  return {
    node, metricID, entityID, ...only(LISTED),
    ...(Object.keys(pod).length > 0 && { pod }), ...(Object.keys(container).length > 0 && { container }),
  };
}

/** The original's words for what was done, and for what went wrong, by route. */
export const DONE = { put: 'Ingestion successful!', delete: 'Delete successful!' } as const;
export const WENT_WRONG = { put: 'Error on data ingestion!', get: 'Error on data extraction!', delete: 'Error during deletion!' } as const;
export const SCHEMA_WRONG = 'Error on json schema!';
export const AGG_WRONG = 'Wrong aggregation!';
export const KEYS_EMPTY = 'Empty keyset!';

export function json(value: unknown, status = 200): TelemetryReply {
  return { status, body: JSON.stringify(value) };
}

export function done(message: string, more: object = {}): TelemetryReply {
  return json({ result: 'OK', message, ...more });
}

/** A fault as RAINBOW's clients read one: `{result, message}`, and beside it what is wrong where. */
export function failed(fault: Fault, message: string, more: object = {}): TelemetryReply {
  const { pointer } = fault.details;
  return json({
    result: 'ERROR', message, reason: fault.message, code: fault.code,
    ...(pointer !== undefined && { pointer: pointer === '(the whole body)' ? '' : pointer }), ...more,
  }, fault.status);
}

/** One group of an aggregate on its way: which, and what its points come to. */
export interface Partial {
  node?: string;
  series?: [metricID: string, entityID: string];
  bucketMs?: number;
  aggregate: Aggregate;
  /** For percentiles, which need every value. */
  values?: Float64Array[];
}
