/** What a machine has, as far as its operating system tells without asking anybody. What is not known is −1, false or empty, and its source says so. */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { arch, cpus, hostname, networkInterfaces, release, totalmem, type } from 'node:os';

export interface Machine {
  /** `x86_64`, `aarch64`, …; `unknown` for one that is not known. */
  architecture: string;
  network_interfaces: { interface_name: string; mac_address: string; ipv4_address?: string; ipv6_address?: string }[];
  facts: MachineFacts;
}

export interface MachineFacts {
  hostname: string;
  cpu_model: string;
  /** Processors in sockets. */
  cpu_count: number;
  /** Threads that run at once. */
  core_count: number;
  clock_mhz: number;
  memory_mb: number;
  /** Of the disk that the state lies on. */
  disk_mb: number;
  gpu_count: number;
  has_tpm: boolean;
  os: string;
  /** Where each fact comes from. */
  sources: Record<string, string>;
}

const ARCHITECTURES: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686', arm: 'armv7l', ppc64: 'ppc64le', riscv64: 'riscv64', s390x: 's390x', loong64: 'loongarch64' };
const MIB = 1024 * 1024;
const NO_MAC = '00:00:00:00:00:00';
const UNKNOWN = 'not known here';

/** Never rejects. `folder` lies on the disk that counts. */
export async function detectMachine(folder: string): Promise<Machine> {
  const processors = cpus();
  const [info, disk, cards, tpms] = await Promise.all([
    readFile('/proc/cpuinfo', 'utf8').catch(() => ''), statfs(folder).catch(() => undefined), listed('/sys/class/drm'), listed('/sys/class/tpm'),
  ]);
  const sockets = new Set([...info.matchAll(/^physical id\s*:\s*(\d+)/gm)].map(([, id]) => id)).size;
  const gpus = cards?.filter((name) => /^card\d+$/.test(name)).length;
  const [first] = processors;
  const facts: Omit<MachineFacts, 'sources'> = {
    hostname: hostname(), cpu_model: first?.model.trim() ?? '', cpu_count: sockets > 0 ? sockets : -1, core_count: processors.length > 0 ? processors.length : -1,
    clock_mhz: first && first.speed > 0 ? first.speed : -1, memory_mb: Math.floor(totalmem() / MIB), disk_mb: disk ? Math.floor(disk.blocks * disk.bsize / MIB) : -1,
    gpu_count: gpus ?? -1, has_tpm: (tpms?.length ?? 0) > 0, os: `${type()} ${release()}`,
  };
  const sources: Record<string, string> = {
    hostname: 'hostname', cpu_model: 'cpu list', cpu_count: '/proc/cpuinfo physical id', core_count: 'cpu list', clock_mhz: 'cpu list', memory_mb: 'total memory',
    disk_mb: 'statfs of the state folder', gpu_count: '/sys/class/drm', has_tpm: tpms ? '/sys/class/tpm' : UNKNOWN, os: 'uname',
  };
  for (const [name, value] of Object.entries(facts)) if (value === -1 || value === '') sources[name] = UNKNOWN;
  return { architecture: ARCHITECTURES[arch()] ?? 'unknown', network_interfaces: interfaces(), facts: { ...facts, sources } };
}

function interfaces(): Machine['network_interfaces'] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) => {
    const outer = addresses.filter(({ internal, mac }) => !internal && mac !== NO_MAC);
    if (outer.length === 0) return [];
    const [v4, v6] = ['IPv4', 'IPv6'].map((family) => outer.find((each) => each.family === family)?.address);
    return [{ interface_name: name, mac_address: outer[0]!.mac, ...(v4 !== undefined && { ipv4_address: v4 }), ...(v6 !== undefined && { ipv6_address: v6 }) }];
  });
}

/** Undefined where there is no such folder. */
async function listed(folder: string): Promise<string[] | undefined> {
  return readdir(folder).catch(() => undefined);
}
