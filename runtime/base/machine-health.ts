/**
 * How this machine and this process are, by the USE method: 21 integers read from `/proc`, in the units of
 * EDGELESS (memory in KiB, load × 100). Where there is no `/proc` what `node:os` and `process` know, and -1 for the rest.
 */
import { readFile, statfs } from 'node:fs/promises';
import { freemem, loadavg, totalmem } from 'node:os';
import type { NodeHealthStatus } from '../model/report.js';

const SECTOR_BYTES = 512;
/** What `gpu_temp_cels` says where there is no GPU, as EDGELESS says it. */
export const NO_TEMPERATURE = -1_000;

export class MachineHealth {
  private cpu = process.cpuUsage();
  private atMs: number;

  constructor(private readonly parts: { folder: string; monotonic: () => number; root?: string }) {
    this.atMs = parts.monotonic();
  }

  async read(): Promise<NodeHealthStatus> {
    const { folder, root = '/' } = this.parts;
    const file = (name: string) => readFile(`${root}proc/${name}`, 'utf8').catch(() => '');
    const [meminfo, netdev, diskstats, status, disk] = await Promise.all([
      file('meminfo'), file('net/dev'), file('diskstats'), file('self/status'), statfs(folder).catch(() => undefined),
    ]);
    const memory = memoryOf(meminfo);
    const load = loadavg().map((average) => Math.round(average * 100));
    const net = networkOf(netdev);
    const disks = disksOf(diskstats);
    return {
      ...memory, proc_cpu_usage: this.cpuUsage(), proc_memory: Math.round(process.memoryUsage.rss() / 1024), proc_vmemory: kibibytes(status, 'VmSize'),
      load_avg_1: load[0]!, load_avg_5: load[1]!, load_avg_15: load[2]!, ...net,
      disk_free_space: disk ? disk.bavail * disk.bsize : -1, disk_tot_reads: disks.reads, disk_tot_writes: disks.writes,
      gpu_load_perc: -1, gpu_temp_cels: NO_TEMPERATURE, active_power: -1,
    };
  }

  /** Per cent of one core since the last look. */
  private cpuUsage(): number {
    const { monotonic } = this.parts;
    const used = process.cpuUsage(this.cpu);
    const passedMs = Math.max(1, monotonic() - this.atMs);
    this.cpu = process.cpuUsage();
    this.atMs = monotonic();
    return Math.round((used.user + used.system) / 10 / passedMs);
  }
}

function memoryOf(meminfo: string): Pick<NodeHealthStatus, 'mem_free' | 'mem_used' | 'mem_available'> {
  const free = meminfo === '' ? Math.round(freemem() / 1024) : kibibytes(meminfo, 'MemFree');
  const total = meminfo === '' ? Math.round(totalmem() / 1024) : kibibytes(meminfo, 'MemTotal');
  const available = meminfo === '' ? free : kibibytes(meminfo, 'MemAvailable');
  return { mem_free: free, mem_used: total - available, mem_available: available };
}

function kibibytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? -1);
}

/** Over all interfaces but the loopback. */
function networkOf(netdev: string) {
  const rows = netdev.split('\n').flatMap((line) => {
    const [, name, numbers] = /^\s*([^:\s]+):\s*(.+)$/.exec(line) ?? [];
    return name === undefined || name === 'lo' ? [] : [numbers!.trim().split(/\s+/).map(Number)];
  });
  const sum = (column: number) => rows.length === 0 ? -1 : rows.reduce((total, row) => total + (row[column] ?? 0), 0);
  return {
    tot_rx_bytes: sum(0), tot_rx_pkts: sum(1), tot_rx_errs: sum(2), tot_tx_bytes: sum(8), tot_tx_pkts: sum(9), tot_tx_errs: sum(10),
  };
}

/** Whole disks alone: what a partition does is in its disk's numbers already. */
function disksOf(diskstats: string): { reads: number; writes: number } {
  const rows = diskstats.split('\n').map((line) => line.trim().split(/\s+/)).filter(([, , name = '']) => /^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|hd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/.test(name));
  const sum = (column: number) => rows.length === 0 ? -1 : rows.reduce((total, row) => total + Number(row[column] ?? 0) * SECTOR_BYTES, 0);
  return { reads: sum(5), writes: sum(9) };
}
