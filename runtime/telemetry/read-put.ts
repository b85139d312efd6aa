/** Bodies of points: every wrong field is named by its JSON pointer. One pass, without a schema's machinery: this is the hot path. */
import { Fault } from '../model/faults.js';
import { MAX_FUTURE_MS, MAX_LISTED_ERRORS, MAX_TELEMETRY_NAME_CHARS, MAX_TELEMETRY_TEXT_CHARS } from '../model/limits.js';
import { CONTAINER_TEXTS, type Meta, META_NUMBERS, META_TEXTS, POD_TEXTS } from './series.js';

export interface FieldError {
  /** JSON pointer of the field. */
  pointer: string;
  reason: string;
}

export interface Point {
  entityID: string;
  metricID: string;
  val: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  meta?: Meta;
  /** Of which stay of a session at this node it was measured; who looks on hears it, the history does not keep it. */
  residency?: Residency;
}

export interface Residency {
  session: string;
  epoch: number;
}

/** A value under a key: analytics and application data. */
export interface KeyedPoint {
  key: string;
  val: number | string;
  timestamp: number;
}

export interface ReadBatch<T> {
  good: T[];
  errors: FieldError[];
  /** Items with at least one error. */
  refused: number;
}

export function invalid(pointer: string, reason: string): Fault {
  return new Fault('TELEMETRY_INVALID', { pointer: pointer === '' ? '(the whole body)' : pointer, reason });
}

/** The items below the first of the names that the body has. Throws TELEMETRY_INVALID. */
export function itemsOf(body: unknown, names: readonly string[]): { items: unknown[]; under: string } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('', `an object with the list ${names[0]} is needed`);
  const under = names.find((name) => (body as Record<string, unknown>)[name] !== undefined) ?? names[0]!;
  const items = (body as Record<string, unknown>)[under];
  if (!Array.isArray(items)) throw invalid(`/${under}`, items === undefined ? 'it is missing' : 'a list is needed');
  return { items, under };
}

type Complain = (pointer: string, reason: string) => void;

function collect<T>(items: unknown[], under: string, read: (item: Record<string, unknown>, complain: Complain) => T): ReadBatch<T> {
  const good: T[] = [];
  const errors: FieldError[] = [];
  let refused = 0;
  let isBad = false;
  let index = 0;
  const complain = (pointer: string, reason: string) => {
    isBad = true;
    if (errors.length < MAX_LISTED_ERRORS) errors.push({ pointer: `/${under}/${index}${pointer}`, reason });
  };
  for (; index < items.length; index += 1) {
    isBad = false;
    const item = items[index];
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      complain('', 'an object is needed');
      refused += 1;
      continue;
    }
    const made = read(item as Record<string, unknown>, complain);
    if (isBad) refused += 1;
    else good.push(made);
  }
  return { good, errors, refused };
}

/** @param nowMs the node's clock */
export function readPoints(items: unknown[], under: string, nowMs: number): ReadBatch<Point> {
  const latestMs = nowMs + MAX_FUTURE_MS;
  return collect(items, under, (item, complain) => {
    const { entityID, metricID, val, timestamp } = item as unknown as Point;
    if (!isName(entityID)) complain('/entityID', nameReason(entityID));
    if (!isName(metricID)) complain('/metricID', nameReason(metricID));
    if (typeof val !== 'number' || !Number.isFinite(val)) complain('/val', val === undefined ? 'it is missing' : 'a finite number is needed');
    if (!isTime(timestamp, latestMs)) complain('/timestamp', timeReason(timestamp, latestMs));
    const point: Point = { entityID, metricID, val, timestamp };
    const meta = metaOf(item, complain);
    if (meta !== undefined) point.meta = meta;
    if (item['residency'] !== undefined && item['residency'] !== null) point.residency = residencyOf(item['residency'], complain);
    return point;
  });
}

/** Beyond the seed. */
function residencyOf(value: unknown, complain: Complain): Residency {
  const { session, epoch } = (typeof value === 'object' ? value : {}) as Residency;
  if (!isName(session)) complain('/residency/session', nameReason(session));
  if (!Number.isSafeInteger(epoch) || epoch < 0) complain('/residency/epoch', 'a whole number from 0 on is needed');
  return { session, epoch };
}

export function readKeyed(items: unknown[], under: string, nowMs: number): ReadBatch<KeyedPoint> {
  const latestMs = nowMs + MAX_FUTURE_MS;
  return collect(items, under, (item, complain) => {
    const { key, val, timestamp } = item as unknown as KeyedPoint;
    if (!isName(key)) complain('/key', nameReason(key));
    if (typeof val === 'string' ? val.length > MAX_TELEMETRY_TEXT_CHARS : typeof val !== 'number' || !Number.isFinite(val)) {
      complain('/val', val === undefined ? 'it is missing' : `a finite number or a text of at most ${MAX_TELEMETRY_TEXT_CHARS} characters is needed`);
    }
    if (!isTime(timestamp, latestMs)) complain('/timestamp', timeReason(timestamp, latestMs));
    return { key, val, timestamp };
  });
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TELEMETRY_NAME_CHARS;
}

function nameReason(value: unknown): string {
  return value === undefined ? 'it is missing' : `a text of 1 to ${MAX_TELEMETRY_NAME_CHARS} characters is needed`;
}

function isTime(value: unknown, latestMs: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= latestMs;
}

function timeReason(value: unknown, latestMs: number): string {
  if (value === undefined) return 'it is missing';
  if (!Number.isSafeInteger(value)) return 'a whole number of milliseconds since 1970 is needed';
  return (value as number) < 0 ? 'it is before 1970' : `it lies in the future: at most ${latestMs} is taken now (are these milliseconds?)`;
}

/** Undefined when the item has nothing but the four fields that it must have. A field that is null is as good as missing. */
function metaOf(item: Record<string, unknown>, complain: Complain): Meta | undefined {
  let meta: Record<string, unknown> | undefined;
  for (const field of META_TEXTS) {
    const value = item[field];
    if (value === undefined || value === null) continue;
    if (typeof value === 'string' && value.length <= MAX_TELEMETRY_TEXT_CHARS) (meta ??= {})[field] = value;
    else complain(`/${field}`, `a text of at most ${MAX_TELEMETRY_TEXT_CHARS} characters is needed`);
  }
  for (const field of META_NUMBERS) {
    const value = item[field];
    if (value === undefined || value === null) continue;
    if (typeof value === 'number' && Number.isFinite(value)) (meta ??= {})[field] = value;
    else complain(`/${field}`, 'a finite number is needed');
  }
  const { higherIsBetter, pod, container } = item;
  if (typeof higherIsBetter === 'boolean') (meta ??= {})['higherIsBetter'] = higherIsBetter;
  else if (higherIsBetter !== undefined && higherIsBetter !== null) complain('/higherIsBetter', 'true or false is needed');
  if (pod !== undefined && pod !== null) (meta ??= {})['pod'] = textsOf(pod, '/pod', POD_TEXTS, complain);
  if (container !== undefined && container !== null) (meta ??= {})['container'] = textsOf(container, '/container', CONTAINER_TEXTS, complain);
  return meta;
}

function textsOf(value: unknown, pointer: string, fields: readonly string[], complain: Complain): Record<string, string> {
  const texts: Record<string, string> = {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    complain(pointer, 'an object is needed');
    return texts;
  }
  for (const field of fields) {
    const text = (value as Record<string, unknown>)[field];
    if (text === undefined || text === null) continue;
    if (typeof text === 'string' && text.length <= MAX_TELEMETRY_NAME_CHARS) texts[field] = text;
    else complain(`${pointer}/${field}`, `a text of at most ${MAX_TELEMETRY_NAME_CHARS} characters is needed`);
  }
  return texts;
}
