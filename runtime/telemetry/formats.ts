/** Metrics of others on their way in: Prometheus remote-write (snappy, protobuf) and OTLP as JSON, both onto the points that /put takes. */
import { Fault } from '../model/faults.js';
import { MAX_TELEMETRY_BODY_BYTES } from '../model/limits.js';
import { invalid } from './read-put.js';

/** An item as /put would get it. */
export type Item = Record<string, unknown>;

// ── Prometheus remote-write ──────────────────────────────────────────────────────────────────────

/** One block of snappy. Throws TELEMETRY_INVALID, or BODY_TOO_LARGE before anything is unpacked. */
export function unsnappy(packed: Buffer): Buffer {
  const reader = new Reader(packed);
  const length = reader.varint();
  if (length > 4 * MAX_TELEMETRY_BODY_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: 4 * MAX_TELEMETRY_BODY_BYTES });
  // A copy of 64 bytes takes two at least: nothing that is true unpacks to more.
  if (length > 64 * packed.length) throw torn();
  const out = Buffer.alloc(length);
  let at = 0;
  while (!reader.isAtEnd) {
    const tag = reader.byte();
    if ((tag & 3) === 0) {
      const short = tag >> 2;
      const bytes = reader.take((short < 60 ? short : reader.little(short - 59)) + 1);
      if (at + bytes.length > length) throw torn();
      bytes.copy(out, at);
      at += bytes.length;
      continue;
    }
    const count = (tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const back = (tag & 3) === 1 ? ((tag >> 5) << 8) | reader.byte() : reader.little((tag & 3) === 2 ? 2 : 4);
    if (back === 0 || back > at || at + count > length) throw torn();
    // Byte by byte, because it may copy what it has just written.
    for (let n = 0; n < count; n += 1, at += 1) out[at] = out[at - back]!;
  }
  if (at !== length) throw torn();
  return out;
}

/** WriteRequest{timeseries: [{labels: [{name, value}], samples: [{value, timestamp}]}]}; what else it has is passed over. */
export function remoteWriteItems(message: Buffer): Item[] {
  const items: Item[] = [];
  for (const { field, bytes } of fieldsOf(message)) {
    if (field !== 1 || !bytes) continue;
    const labels: Record<string, string> = {};
    const samples: { val: number; timestamp: number }[] = [];
    for (const part of fieldsOf(bytes)) {
      if (!part.bytes) continue;
      const inner = [...fieldsOf(part.bytes)];
      if (part.field === 1) labels[textOf(inner, 1)] = textOf(inner, 2);
      if (part.field === 2) samples.push({ val: inner.find(({ field: of }) => of === 1)?.double ?? 0, timestamp: inner.find(({ field: of }) => of === 2)?.integer ?? 0 });
    }
    // Prometheus marks the end of a series by a NaN of its own; that, and what is infinite, is no value.
    for (const { val, timestamp } of samples) if (Number.isFinite(val)) items.push({ ...ofLabels(labels), val, timestamp });
  }
  return items;
}

export function textOf(fields: Field[], field: number): string {
  return fields.find((each) => each.field === field)?.bytes?.toString('utf8') ?? '';
}

/**
 * The metric by its name and whatever labels tell it from others; the entity by instance, host or job. What a node of ours
 * told a Prometheus that sends it on is the series that it was: otherwise its names would grow with every round.
 */
function ofLabels({ __name__: name = '', ...labels }: Record<string, string>): Item {
  if (labels['metricID'] && labels['entityID']) return { metricID: labels['metricID'], entityID: labels['entityID'] };
  const { instance, job, pod, namespace, container, ...rest } = labels;
  const more = Object.keys(rest).sort().map((label) => `${label}=${JSON.stringify(rest[label])}`);
  return {
    metricID: more.length > 0 ? `${name}{${more.join(',')}}` : name, entityID: instance ?? job ?? 'unknown', entityType: job ?? 'prometheus', name,
    ...(pod !== undefined && { pod: { name: pod, ...(namespace !== undefined && { namespace }) } }), ...(container !== undefined && { container: { name: container } }),
  };
}

export interface Field {
  field: number;
  bytes?: Buffer;
  double?: number;
  /** The same eight bytes as a whole number. */
  fixed?: bigint;
  integer?: number;
}

export function* fieldsOf(message: Buffer): Iterable<Field> {
  const reader = new Reader(message);
  while (!reader.isAtEnd) {
    const key = reader.varint();
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case 0: yield { field, integer: reader.varint() }; break;
      case 1: {
        const eight = reader.take(8);
        yield { field, double: eight.readDoubleLE(0), fixed: eight.readBigInt64LE(0) };
        break;
      }
      case 2: yield { field, bytes: reader.take(reader.varint()) }; break;
      case 5: reader.take(4); break;
      default: throw torn();
    }
  }
}

class Reader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  take(count: number): Buffer {
    if (count < 0 || this.#at + count > this.bytes.length) throw torn();
    this.#at += count;
    return this.bytes.subarray(this.#at - count, this.#at);
  }

  little(count: number): number {
    return this.take(count).readUIntLE(0, count);
  }

  /** Above 2^53 it is not exact; below 0, as a time never is, it comes out huge and is refused as such. */
  varint(): number {
    let value = 0;
    for (let shift = 1, count = 0; count < 10; count += 1, shift *= 128) {
      const byte = this.byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
    throw torn();
  }
}

function torn(): Fault {
  return invalid('', 'it is not well-formed: a protobuf message is needed, of Prometheus in snappy');
}

// ── OTLP as JSON ─────────────────────────────────────────────────────────────────────────────────

type Json = Record<string, any>;

/** Gauges and sums as they are; of histograms and summaries their count and their sum. */
export function otlpItems(body: unknown): Item[] {
  const { resourceMetrics } = (body ?? {}) as Json;
  if (!Array.isArray(resourceMetrics)) throw invalid('/resourceMetrics', 'a list is needed');
  return resourceMetrics.flatMap((resource: Json) => {
    const of = attributesOf(resource['resource']?.attributes);
    const entity = {
      entityID: of['service.instance.id'] ?? of['host.name'] ?? of['service.name'] ?? 'unknown', entityType: of['service.name'] ?? 'otlp',
      ...(of['k8s.pod.name'] && { pod: { name: of['k8s.pod.name'], uuid: of['k8s.pod.uid'], namespace: of['k8s.namespace.name'] } }),
      ...(of['container.name'] && { container: { name: of['container.name'], id: of['container.id'] } }),
    };
    const metrics = listOf(resource['scopeMetrics']).flatMap((scope) => listOf(scope['metrics']));
    return metrics.flatMap((metric) => metricItems(metric).map((item) => ({ ...entity, ...item })));
  });
}

function metricItems(metric: Json): Item[] {
  const { name, unit: units, description: desc, gauge, sum, histogram, exponentialHistogram, summary } = metric;
  const whole = histogram ?? exponentialHistogram ?? summary;
  const item = (point: Json, suffix: string, val: unknown): Item => {
    const labels = attributesOf(point['attributes']);
    const more = Object.keys(labels).sort().map((label) => `${label}=${JSON.stringify(labels[label])}`);
    const metricID = `${name}${suffix}`;
    return { metricID: more.length > 0 ? `${metricID}{${more.join(',')}}` : metricID, name, units, desc, val: Number(val), timestamp: Math.floor(Number(point['timeUnixNano']) / 1e6) };
  };
  return [
    ...listOf(gauge?.dataPoints ?? sum?.dataPoints).map((point) => item(point, '', point['asDouble'] ?? point['asInt'])),
    ...listOf(whole?.dataPoints).flatMap((point) => [item(point, '_count', point['count']), item(point, '_sum', point['sum'] ?? 0)]),
  ];
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : [];
}

function attributesOf(attributes: unknown): Record<string, string> {
  return Object.fromEntries(listOf(attributes).map(({ key, value }) => [String(key), String(Object.values(value ?? {})[0] ?? '')]));
}
