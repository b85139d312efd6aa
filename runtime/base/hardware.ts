/** What this machine is, as far as its operating system says. What it does not say is 0, -1, '' or false: nothing is invented. */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { NodeCapabilities } from '../model/report.js';

const MEBIBYTE = 1_048_576;

export interface HardwareParts {
  /** Folder whose disk counts. */
  folder: string;
  labels: Record<string, string>;
  /** What an operator knows better than the operating system. */
  overrides?: Partial<NodeCapabilities>;
  /** Where the machine's facts lie; tests give another. */
  root?: string;
}

/** Sources: `os.cpus`, `os.totalmem`, `statfs`, `/proc/cpuinfo`, `/proc/driver/nvidia`, `/dev/tpm0`, `/dev/tdx_guest`, `/dev/sev-guest`, `/dev/sgx_enclave`. */
export async function detectCapabilities({ folder, labels, overrides = {}, root = '/' }: HardwareParts): Promise<NodeCapabilities> {
  const cpuinfo = await readFile(`${root}proc/cpuinfo`, 'utf8').catch(() => '');
  const disk = await statfs(folder).catch(() => undefined);
  const gpus = await nvidia(root);
  const has = (...names: string[]) => names.some((name) => existsSync(`${root}dev/${name}`));
  const threads = cpus();
  return {
    num_cpus: threads.length, num_cores: coresOf(cpuinfo) || threads.length, model_name_cpu: threads[0]?.model ?? '',
    clock_freq_cpu: Number(/^bogomips\s*:\s*([\d.]+)/im.exec(cpuinfo)?.[1] ?? 0), mem_size: Math.floor(totalmem() / MEBIBYTE),
    labels: Object.entries(labels).map(([name, value]) => `${name}=${value}`), is_tee_running: has('tdx_guest', 'sev-guest', 'sgx_enclave'),
    has_tpm: has('tpm0', 'tpmrm0'), runtimes: ['NODE'], disk_tot_space: disk ? Math.floor(disk.blocks * disk.bsize / MEBIBYTE) : 0,
    num_gpus: gpus.length, model_name_gpu: gpus[0] ?? '', mem_size_gpu: 0, ...overrides,
  };
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

async function nvidia(root: string): Promise<string[]> {
  const folder = `${root}proc/driver/nvidia/gpus`;
  const names = await readdir(folder).catch(() => [] as string[]);
  return Promise.all(names.map(async (name) => {
    const text = await readFile(`${folder}/${name}/information`, 'utf8').catch(() => '');
    return /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? '';
  }));
}
