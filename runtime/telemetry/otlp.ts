/** OTLP's ExportMetricsServiceRequest as protobuf, turned into what the same message is as JSON. */
import { type Field, fieldsOf, textOf } from './formats.js';

type Json = Record<string, unknown>;

/** Throws TELEMETRY_INVALID. */
export function otlpOf(message: Buffer): Json {
  return { resourceMetrics: messagesOf(message, 1).map(resourceOf) };
}

function messagesOf(message: Buffer, field: number): Buffer[] {
  return [...fieldsOf(message)].flatMap((each) => each.field === field && each.bytes ? [each.bytes] : []);
}

function resourceOf(message: Buffer): Json {
  return {
    resource: { attributes: messagesOf(message, 1).flatMap((resource) => attributesOf(resource, 1)) },
    scopeMetrics: messagesOf(message, 2).map((scope) => ({ metrics: messagesOf(scope, 2).map(metricOf) })),
  };
}

const GAUGE = 5;
const SUM = 7;
const HISTOGRAM = 9;
const EXPONENTIAL = 10;
const SUMMARY = 11;

function metricOf(message: Buffer): Json {
  const fields = [...fieldsOf(message)];
  const metric: Json = { name: textOf(fields, 1), description: textOf(fields, 2) || undefined, unit: textOf(fields, 3) || undefined };
  for (const { field, bytes } of fields) {
    if (!bytes) continue;
    const dataPoints = (attributes: number) => ({ dataPoints: messagesOf(bytes, 1).map((point) => pointOf(point, attributes)) });
    if (field === GAUGE) metric['gauge'] = dataPoints(7);
    if (field === SUM) metric['sum'] = dataPoints(7);
    if (field === HISTOGRAM) metric['histogram'] = dataPoints(9);
    if (field === EXPONENTIAL) metric['exponentialHistogram'] = dataPoints(1);
    if (field === SUMMARY) metric['summary'] = dataPoints(7);
  }
  return metric;
}

/** Of plain numbers 4 is a double and 6 a whole number; of the others 4 is the count and 5 the sum. */
function pointOf(message: Buffer, attributes: number): Json {
  const fields = [...fieldsOf(message)];
  const of = (field: number): Field | undefined => fields.find((each) => each.field === field);
  return {
    attributes: attributesOf(message, attributes), timeUnixNano: String(of(3)?.fixed ?? 0n),
    asDouble: of(4)?.double, asInt: of(6)?.fixed === undefined ? undefined : String(of(6)!.fixed),
    count: String(of(4)?.fixed ?? 0n), sum: of(5)?.double,
  };
}

function attributesOf(message: Buffer, field: number): Json[] {
  return messagesOf(message, field).map((pair) => {
    const fields = [...fieldsOf(pair)];
    const [value] = [...fieldsOf(fields.find((each) => each.field === 2)?.bytes ?? Buffer.alloc(0))];
    return { key: textOf(fields, 1), value: { any: value?.bytes?.toString('utf8') ?? value?.integer ?? value?.double ?? '' } };
  });
}
