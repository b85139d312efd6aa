/** A machine by EDGELESS's names, made of what its operating system tells (`machine.ts`). Unknown facts are 0, '' or false: nothing is invented. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { NodeCapabilities } from '../model/report.js';
import type { Machine } from './machine.js';

export interface CapabilitiesParts {
  machine: Machine;
  labels: Record<string, string>;
  /** What an operator knows better than the operating system. */
  overrides?: Partial<NodeCapabilities>;
  /** Where the machine's facts lie; tests give another. */
  root?: string;
}

/** Beside the machine's own facts: `/proc/cpuinfo`, `/dev/tdx_guest`, `/dev/sev-guest`, `/dev/sgx_enclave`. */
export async function capabilitiesOf({ machine: { facts }, labels, overrides = {}, root = '/' }: CapabilitiesParts): Promise<NodeCapabilities> {
  const cpuinfo = await readFile(`${root}proc/cpuinfo`, 'utf8').catch(() => '');
  const isTee = ['tdx_guest', 'sev-guest', 'sgx_enclave'].some((name) => existsSync(`${root}dev/${name}`));
  const threads = known(facts.core_count);
  return {
    num_cpus: threads, num_cores: coresOf(cpuinfo) || threads, model_name_cpu: facts.cpu_model,
    clock_freq_cpu: Number(/^bogomips\s*:\s*([\d.]+)/im.exec(cpuinfo)?.[1] ?? 0), mem_size: facts.memory_mb,
    labels: Object.entries(labels).map(([name, value]) => `${name}=${value}`), is_tee_running: isTee, has_tpm: facts.has_tpm, runtimes: ['NODE'],
    disk_tot_space: known(facts.disk_mb), num_gpus: known(facts.gpu_count), model_name_gpu: '', mem_size_gpu: 0, ...overrides,
  };
}

/** What is not known is −1 there. */
function known(fact: number): number {
  return Math.max(0, fact);
}

/** Physical cores over all packages; 0 where the processor does not say. */
function coresOf(cpuinfo: string): number {
  const packages = new Map<string, number>();
  for (const block of cpuinfo.split('\n\n')) {
    const id = /^physical id\s*:\s*(\d+)/m.exec(block)?.[1];
    const cores = /^cpu cores\s*:\s*(\d+)/m.exec(block)?.[1];
    if (id !== undefined && cores !== undefined) packages.set(id, Number(cores));
  }
  return [...packages.values()].reduce((sum, cores) => sum + cores, 0);
}
