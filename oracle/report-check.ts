/** What a node reports, checked before anything of it is believed. */
import { Type } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import { Fault } from '../runtime/model/faults.js';
import { MAX_SAMPLES_PER_REPORT, MAX_SESSIONS_OF_DOMAIN } from '../runtime/model/limits.js';
import { HEALTH_FIELDS, LATENCY_BOUNDS_MS, type NodeReport } from '../runtime/model/report.js';

const Name = Type.String({ minLength: 1, maxLength: 1_024 });
/** No count, time or size of a node is beyond this; sums of many such are still exact enough to compare. */
const MOST = 1e15;
const Count = Type.Integer({ minimum: 0, maximum: MOST });
const Amount = Type.Number({ minimum: 0, maximum: MOST });

const Capabilities = Type.Object({
  num_cpus: Type.Integer(), model_name_cpu: Type.String({ maxLength: 256 }), clock_freq_cpu: Type.Number(), num_cores: Type.Integer(),
  mem_size: Type.Integer(), labels: Type.Array(Type.String({ maxLength: 1_024 }), { maxItems: 256 }), is_tee_running: Type.Boolean(),
  has_tpm: Type.Boolean(), runtimes: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 }), disk_tot_space: Type.Integer(),
  num_gpus: Type.Integer(), model_name_gpu: Type.String({ maxLength: 256 }), mem_size_gpu: Type.Integer(),
});

const Session = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 256 }), home: Name, epoch: Count, bytes: Amount, functions: Type.Array(Name, { maxItems: 64 }),
  requests: Count, redirected: Type.Optional(Count), busyMs: Amount, lastAccessMs: Amount, moving: Type.Boolean(),
});

const Report = Type.Object({
  boot: Name, number: Count, isFull: Type.Boolean(), accepting: Type.Boolean(), capabilities: Type.Optional(Capabilities),
  health: Type.Object(Object.fromEntries(HEALTH_FIELDS.map((field) => [field, Type.Integer()]))),
  load: Type.Object({
    capacity: Amount, busy: Amount, waiting: Count, latencyMs: Amount, memoryUsedBytes: Amount, memoryLimitBytes: Amount,
    requests: Type.Optional(Count), latencyCounts: Type.Optional(Type.Array(Count, { minItems: LATENCY_BOUNDS_MS.length + 1, maxItems: LATENCY_BOUNDS_MS.length + 1 })),
  }),
  sessions: Type.Array(Session, { maxItems: MAX_SESSIONS_OF_DOMAIN }),
  gone: Type.Array(Type.Object({ id: Type.String({ maxLength: 256 }), epoch: Count })),
  astray: Type.Array(Type.Object({ id: Type.String({ maxLength: 256 }), requests: Count })),
  dependencies: Type.Array(Type.Object({ id: Type.String({ maxLength: 256 }), outputs: Type.Record(Type.String(), Type.String({ maxLength: 256 })) })),
  samples: Type.Array(Type.Object({
    session: Type.String({ maxLength: 256 }), epoch: Count, metric: Type.String({ minLength: 1, maxLength: 256 }),
    value: Type.Union([Type.Number(), Type.String({ maxLength: 4_096 })]), atMs: Amount,
  }), { maxItems: MAX_SAMPLES_PER_REPORT }),
});

const check = new Ajv({ strict: false }).compile(Report);

/** Throws PARAMETER_INVALID with the pointer of the first field that is wrong. */
export function reportOf(body: unknown): NodeReport {
  if (check(body)) return body as NodeReport;
  const [error] = check.errors!;
  throw new Fault('PARAMETER_INVALID', { name: error!.instancePath === '' ? 'report' : error!.instancePath, reason: `it ${error!.message}` });
}
