/** Bodies of questions: filters, range, nodes, aggregate. What is wrong is named by its JSON pointer. */
import { MAX_FILTER_NAMES, MAX_TELEMETRY_NAME_CHARS } from '../model/limits.js';
import { type Agg, aggOf } from './aggregate.js';
import { NameFilter } from './names.js';
import { invalid } from './read-put.js';

export const FILTERS = ['metricID', 'entityID', 'podName', 'podNamespace', 'containerName'] as const;
export type FilterName = (typeof FILTERS)[number];

export interface Selection {
  filters: Partial<Record<FilterName, NameFilter>>;
}

/** Both ends included. */
export interface Range {
  fromMs: number;
  toMs: number;
}

export interface Question extends Selection {
  /** Missing: the latest value of each series. */
  range?: Range;
  /** Missing: this node alone. Empty: every node. */
  nodes?: string[];
  /** The body without its nodes, as it is passed on. */
  passedOn: Record<string, unknown>;
}

export interface AggregateQuestion extends Question {
  agg: Agg;
  by: { series: boolean; node: boolean; bucketMs?: number };
  isGrouped: boolean;
}

type Body = Record<string, unknown>;

/** An empty body asks for everything. */
export function bodyOf(body: unknown): Body {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw invalid('', 'an object is needed');
  return body as Body;
}

export function readQuestion(parsed: unknown): Question {
  const body = bodyOf(parsed);
  const { nodes: _, ...passedOn } = body;
  const range = rangeOf(body);
  const nodes = namesOf(body, 'nodes', true);
  return { filters: filtersOf(body), ...(range && { range }), ...(nodes && { nodes }), passedOn };
}

export function readAggregate(parsed: unknown): AggregateQuestion {
  const question = readQuestion(parsed);
  const body = bodyOf(parsed);
  const agg = typeof body['agg'] === 'string' ? aggOf(body['agg']) : undefined;
  if (agg === undefined) throw invalid('/agg', 'it is one of sum, max, min, avg, count, median, or a percentile such as p95');
  const groups = namesOf(body, 'groupBy', false) ?? [];
  groups.forEach((group, index) => {
    if (!['series', 'node', 'time'].includes(group)) throw invalid(`/groupBy/${index}`, 'it is one of series, node and time');
  });
  const bucketMs = bucketOf(body, groups.includes('time'));
  if (bucketMs !== undefined && !question.range) throw invalid('/bucket', 'buckets of time need from or to: without them only the latest values are looked at');
  return {
    ...question, agg, isGrouped: groups.length > 0,
    by: { series: groups.includes('series'), node: groups.includes('node'), ...(bucketMs !== undefined && { bucketMs }) },
  };
}

/** Keys of analytics and application data. */
export interface KeyQuestion {
  keys?: NameFilter;
  range?: Range;
  nodes?: string[];
  passedOn: Record<string, unknown>;
}

export function readKeyQuestion(parsed: unknown): KeyQuestion {
  const body = bodyOf(parsed);
  const { nodes: _, ...passedOn } = body;
  const keys = namesOf(body, 'key', false);
  const range = rangeOf(body);
  const nodes = namesOf(body, 'nodes', true);
  return { ...(keys && { keys: new NameFilter(keys) }), ...(range && { range }), ...(nodes && { nodes }), passedOn };
}

export function readFields(parsed: unknown): Set<string> | undefined {
  const fields = namesOf(bodyOf(parsed), 'fields', true);
  return fields === undefined || fields.length === 0 ? undefined : new Set(fields);
}

function bucketOf(body: Body, isWanted: boolean): number | undefined {
  const { bucket } = body;
  if (bucket === undefined || bucket === null) {
    if (isWanted) throw invalid('/bucket', 'the length of a bucket in milliseconds is needed beside groupBy time');
    return undefined;
  }
  if (!isWanted) throw invalid('/bucket', 'it needs "time" in groupBy');
  if (Number.isSafeInteger(bucket) && (bucket as number) > 0) return bucket as number;
  throw invalid('/bucket', 'a whole number of milliseconds above 0 is needed');
}

function filtersOf(body: Body): Selection['filters'] {
  const filters: Selection['filters'] = {};
  for (const name of FILTERS) {
    const names = namesOf(body, name, false);
    if (names) filters[name] = new NameFilter(names);
  }
  return filters;
}

/** A filter that names nothing would either find nothing or everything: it is refused rather than guessed at. */
function namesOf(body: Body, field: string, mayBeEmpty: boolean): string[] | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw invalid(`/${field}`, 'a list of texts is needed');
  if (value.length === 0 && !mayBeEmpty) throw invalid(`/${field}`, 'the list is empty: leave it out to ask for all');
  if (value.length > MAX_FILTER_NAMES) throw invalid(`/${field}`, `at most ${MAX_FILTER_NAMES} names are taken`);
  value.forEach((name, index) => {
    if (typeof name !== 'string' || name === '' || name.length > MAX_TELEMETRY_NAME_CHARS) {
      throw invalid(`/${field}/${index}`, `a text of 1 to ${MAX_TELEMETRY_NAME_CHARS} characters is needed`);
    }
  });
  return value as string[];
}

/** Only one end given leaves the other open. */
function rangeOf(body: Body): Range | undefined {
  const from = timeOf(body, 'from');
  const to = timeOf(body, 'to');
  if (from === undefined && to === undefined) return undefined;
  const range = { fromMs: from ?? 0, toMs: to ?? Number.MAX_SAFE_INTEGER - 1 };
  if (range.fromMs > range.toMs) throw invalid('/to', 'it lies before from');
  return range;
}

function timeOf(body: Body, field: string): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(`/${field}`, 'a whole number of milliseconds since 1970 is needed');
}
