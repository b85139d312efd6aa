import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capabilitiesOf } from '../../runtime/base/hardware.js';
import { detectMachine } from '../../runtime/base/machine.js';
import { MachineHealth } from '../../runtime/base/machine-health.js';
import { HEALTH_FIELDS } from '../../runtime/model/report.js';

describe('the health of a machine', () => {
  let root: string;

  beforeEach(async () => {
    root = `${await mkdtemp(join(tmpdir(), 'machine-'))}/`;
    await Promise.all(['proc/net', 'proc/self', 'dev'].map((folder) => mkdir(join(root, folder), { recursive: true })));
  });

  afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 10 }));

  const write = (name: string, text: string) => writeFile(join(root, name), text);
  const read = () => new MachineHealth({ folder: root, monotonic: () => 0, root }).read();

  it('is 21 integers, those it cannot know −1', async () => {
    const health = await read();
    expect(Object.keys(health)).to.have.members([...HEALTH_FIELDS]);
    for (const [field, value] of Object.entries(health)) expect(Number.isInteger(value), field).to.equal(true);
    expect(health).to.include({ tot_rx_bytes: -1, disk_tot_reads: -1, gpu_load_perc: -1, gpu_temp_cels: -1000, active_power: -1 });
  });

  it('is read from /proc: memory in KiB, outer networks, whole disks', async () => {
    await write('proc/meminfo', 'MemTotal:       1000 kB\nMemFree:         200 kB\nMemAvailable:    600 kB\n');
    await write('proc/net/dev', 'Inter-| Receive\n face |bytes\n    lo: 9 9 9 0 0 0 0 0 9 9 9 0 0 0 0 0\n  eth0: 10 2 1 0 0 0 0 0 20 4 3 0 0 0 0 0\n');
    await write('proc/diskstats', '   8 0 sda 1 0 4 0 1 0 6 0 0 0 0\n   8 1 sda1 1 0 4 0 1 0 6 0 0 0 0\n');
    await write('proc/self/status', 'VmSize:     77 kB\n');
    expect(await read()).to.include({
      mem_free: 200, mem_available: 600, mem_used: 400, proc_vmemory: 77, tot_rx_bytes: 10, tot_rx_pkts: 2, tot_rx_errs: 1, tot_tx_bytes: 20, tot_tx_pkts: 4,
      tot_tx_errs: 3, disk_tot_reads: 4 * 512, disk_tot_writes: 6 * 512,
    });
  });

  it('comes with capabilities by EDGELESS\'s names, which an operator may override', async () => {
    await write('proc/cpuinfo', 'physical id : 0\ncpu cores : 4\nbogomips : 4000.5\n\nphysical id : 0\ncpu cores : 4\n\nphysical id : 1\ncpu cores : 4\n');
    await write('dev/sev-guest', '');
    const machine = await detectMachine(root);
    const capabilities = await capabilitiesOf({ machine, labels: { zone: 'a' }, overrides: { num_gpus: 3 }, root });
    expect(capabilities).to.deep.include({ num_cores: 8, clock_freq_cpu: 4000.5, is_tee_running: true, labels: ['zone=a'], num_gpus: 3, mem_size: machine.facts.memory_mb });
  });
});
