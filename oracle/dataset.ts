/**
 * What the oracle saw, as CSV files for whoever studies it: health, capabilities, where each session was,
 * and the samples of its residencies. A file that grows beyond its limit is turned away as `name.N.csv` and,
 * with it, written as Parquet; the same at the end.
 */
import { createWriteStream, existsSync, openSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { pidOf } from '../runtime/base/ids.js';
import type { Log } from '../runtime/base/log.js';
import type { RegisteredNode } from '../runtime/model/oracle-answers.js';
import { HEALTH_FIELDS, type NodeCapabilities, type NodeReport } from '../runtime/model/report.js';
import type { SessionEntry } from './domain.js';
import type { DatasetSettings } from './mirror/settings.js';

const CAPABILITY_FIELDS = [
  'num_cpus', 'model_name_cpu', 'clock_freq_cpu', 'num_cores', 'mem_size', 'labels', 'is_tee_running', 'has_tpm', 'runtimes', 'disk_tot_space',
  'num_gpus', 'model_name_gpu', 'mem_size_gpu',
] as const satisfies readonly (keyof NodeCapabilities)[];

const COLUMNS = {
  health_status: ['timestamp', 'node_id', ...HEALTH_FIELDS],
  capabilities: ['timestamp', 'node_id', ...CAPABILITY_FIELDS],
  mapping_to_instance_id: ['timestamp', 'logical_id', 'node_id', 'physical_id'],
  performance_samples: ['metric', 'identifier', 'value', 'timestamp'],
} as const;

export type DatasetFile = keyof typeof COLUMNS;

export interface DatasetParts {
  settings: DatasetSettings;
  namespace: string;
  now: () => number;
  log: Log;
  /** Writes the CSV file as Parquet beside it; missing where no engine is at hand. */
  toParquet?(csv: string, parquet: string): Promise<void>;
  /** Bytes of a file after which a new one is begun. */
  rotateBytes?: number;
}

const ROTATE_BYTES = 256 * 1024 * 1024;
/** Bytes that may wait for a slow disk before rows are dropped. */
const MOST_PENDING_BYTES = 64 * 1024 * 1024;

interface Output {
  stream: WriteStream;
  bytes: number;
}

export class Dataset {
  private readonly outputs = new Map<DatasetFile, Output>();
  private readonly capabilities = new Map<string, string>();
  private readonly turning = new Set<Promise<void>>();
  private dropped = 0;

  constructor(private readonly parts: DatasetParts) {}

  async open(): Promise<void> {
    await mkdir(this.parts.settings.dataset_path, { recursive: true });
    for (const name of Object.keys(COLUMNS) as DatasetFile[]) this.outputs.set(name, this.openFile(name, this.parts.settings.append));
  }

  noteReport(node: RegisteredNode, { health, capabilities, samples }: NodeReport, residencyOf: (session: string, epoch: number) => string): void {
    this.write('health_status', [this.stamp(), node.id, ...HEALTH_FIELDS.map((field) => health[field])]);
    if (capabilities) this.noteCapabilities(node.id, capabilities);
    for (const { metric, session, epoch, value, atMs } of samples) {
      this.write('performance_samples', [metric, residencyOf(session, epoch), value, stampOf(atMs)]);
    }
  }

  /** A session has a residency from now on. */
  noteSession({ lid, epoch }: SessionEntry, node: string): void {
    this.write('mapping_to_instance_id', [this.stamp(), lid, node, pidOf(lid, node, epoch, this.parts.namespace)]);
  }

  async close(): Promise<void> {
    for (const [name, { stream }] of this.outputs) {
      stream.end();
      await finished(stream);
      await this.parquet(this.fileOf(name));
    }
    this.outputs.clear();
    await Promise.all(this.turning);
  }

  private noteCapabilities(node: string, capabilities: NodeCapabilities): void {
    const row = CAPABILITY_FIELDS.map((field) => {
      const value = capabilities[field];
      return Array.isArray(value) ? value.join(' ') : value;
    });
    const text = JSON.stringify(row);
    if (this.capabilities.get(node) === text) return;
    this.capabilities.set(node, text);
    this.write('capabilities', [this.stamp(), node, ...row]);
  }

  private write(name: DatasetFile, row: readonly (string | number | boolean)[]): void {
    const output = this.outputs.get(name);
    if (!output) return;
    if (output.stream.writableLength > MOST_PENDING_BYTES) {
      if ((this.dropped += 1) === 1) this.parts.log.warn({ file: name }, 'the disk of the dataset is too slow: rows are dropped');
      return;
    }
    const { additional_fields: additional } = this.parts.settings;
    const line = `${additional === '' ? '' : `${additional},`}${row.map(cellOf).join(',')}\n`;
    output.stream.write(line);
    output.bytes += Buffer.byteLength(line);
    if (output.bytes > (this.parts.rotateBytes ?? ROTATE_BYTES)) this.turn(name, output);
  }

  /** A new file takes the rows from now on; the old one gets a number and a Parquet twin. */
  private turn(name: DatasetFile, { stream }: Output): void {
    const old = this.freeName(name);
    // At once, so that no row falls between the two; the old stream goes on with the file under its new name.
    renameSync(this.fileOf(name), old);
    this.outputs.set(name, this.openFile(name, false));
    stream.end();
    const work: Promise<void> = finished(stream).then(() => this.parquet(old)).finally(() => this.turning.delete(work));
    this.turning.add(work);
  }

  private async parquet(csv: string): Promise<void> {
    await this.parts.toParquet?.(csv, csv.replace(/\.csv$/, '.parquet'))
      .catch((error: unknown) => this.parts.log.warn({ file: csv, reason: (error as Error).message }, 'a file of the dataset could not be written as Parquet'));
  }

  private freeName(name: DatasetFile): string {
    for (let number = 1; ; number += 1) {
      const path = join(this.parts.settings.dataset_path, `${name}.${number}.csv`);
      if (!existsSync(path)) return path;
    }
  }

  private openFile(name: DatasetFile, append: boolean): Output {
    const path = this.fileOf(name);
    const bytes = append && existsSync(path) ? statSync(path).size : 0;
    const stream = createWriteStream(path, { fd: openSync(path, append ? 'a' : 'w') });
    stream.on('error', (error) => this.parts.log.warn({ file: name, reason: error.message }, 'the dataset could not be written'));
    const { additional_header: additional } = this.parts.settings;
    if (bytes === 0) stream.write(`${additional === '' ? '' : `${additional},`}${COLUMNS[name].join(',')}\n`);
    return { stream, bytes };
  }

  private fileOf(name: DatasetFile): string {
    return join(this.parts.settings.dataset_path, `${name}.csv`);
  }

  private stamp(): string {
    return stampOf(this.parts.now());
  }
}

function stampOf(ms: number): string {
  return (ms / 1000).toFixed(9);
}

/** Quoted where a comma, a quote or a line end would be taken for the file's own. */
function cellOf(value: string | number | boolean): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
