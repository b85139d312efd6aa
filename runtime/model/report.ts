/** What a node tells the oracle every few seconds: a change since the report before, or everything. */

/** What a node is. Unknown facts are 0, -1 or false; nothing is invented. Names and units are those of EDGELESS. */
export interface NodeCapabilities {
  num_cpus: number;
  model_name_cpu: string;
  /** BogoMIPS. */
  clock_freq_cpu: number;
  num_cores: number;
  /** MiB. */
  mem_size: number;
  labels: string[];
  is_tee_running: boolean;
  has_tpm: boolean;
  runtimes: string[];
  /** MiB. */
  disk_tot_space: number;
  num_gpus: number;
  model_name_gpu: string;
  /** MiB. */
  mem_size_gpu: number;
}

/** How a node is: 21 integers, memory in KiB, load averages × 100, GPU temperature in thousandths of a degree, power in mW; -1 unknown. */
export const HEALTH_FIELDS = [
  'mem_free', 'mem_used', 'mem_available', 'proc_cpu_usage', 'proc_memory', 'proc_vmemory', 'load_avg_1', 'load_avg_5', 'load_avg_15',
  'tot_rx_bytes', 'tot_rx_pkts', 'tot_rx_errs', 'tot_tx_bytes', 'tot_tx_pkts', 'tot_tx_errs', 'disk_free_space', 'disk_tot_reads', 'disk_tot_writes',
  'gpu_load_perc', 'gpu_temp_cels', 'active_power',
] as const;

export type NodeHealthStatus = Record<(typeof HEALTH_FIELDS)[number], number>;

/** The node's work since its last report. */
export interface NodeLoad {
  /** Requests it can work on at once. */
  capacity: number;
  /** Mean number of requests in the hands of functions. */
  busy: number;
  /** Requests that wait now. */
  waiting: number;
  /** Mean response time, milliseconds. */
  latencyMs: number;
  memoryUsedBytes: number;
  /** 0: without a limit. */
  memoryLimitBytes: number;
  /** Requests answered. */
  requests?: number;
  /** How many of them took up to each of `LATENCY_BOUNDS_MS`, and beyond the last. */
  latencyCounts?: number[];
}

/** Upper bounds of the histogram of response times, milliseconds. */
export const LATENCY_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000] as const;

/** A session as the node that holds it knows it. */
export interface SessionReport {
  id: string;
  home: string;
  epoch: number;
  bytes: number;
  functions: string[];
  /** Requests served since the report before. */
  requests: number;
  /** Of these, such as came by way of another node; missing: none. */
  redirected?: number;
  /** Time these kept a place of the node's capacity, milliseconds, together. */
  busyMs: number;
  lastAccessMs: number;
  moving: boolean;
}

/** One value of a session's residency here: `function_execution_time`, `function_transfer_time`, or a name of the function's own. */
export interface Sample {
  session: string;
  epoch: number;
  metric: string;
  /** Seconds for times; for entries of functions the text that they logged. */
  value: number | string;
  /** Milliseconds since the epoch. */
  atMs: number;
}

export interface NodeReport {
  /** Life of the node's process, and the number of the report in it: a gap makes the oracle ask for everything. */
  boot: string;
  number: number;
  /** `true`: `sessions` has every session that lives here. */
  isFull: boolean;
  accepting: boolean;
  /** When they changed, and in a full report. */
  capabilities?: NodeCapabilities;
  health: NodeHealthStatus;
  load: NodeLoad;
  sessions: SessionReport[];
  /** Sessions that left, expired or were dropped. */
  gone: { id: string; epoch: number }[];
  /** Requests that arrived here for sessions that live elsewhere. */
  astray: { id: string; requests: number }[];
  /** Session → what it called or propagated to of late: output name → id of the receiving session. */
  dependencies: { id: string; outputs: Record<string, string> }[];
  samples: Sample[];
}

export interface ReportReply {
  /** The oracle lacks something: the next report has to be full. */
  wantsAll: boolean;
}
