/** A node's telemetry behind its door, in a process of its own; what can only be measured inside is asked for by a message. */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { systemClock } from '../../runtime/base/clock.js';
import { staticDirectory } from '../../runtime/base/directory.js';
import { createPeerClient } from '../../runtime/base/http-client.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';
import { createPeerSigner, createPeerVerifier } from '../../runtime/base/peer-signature.js';
import { createAccess } from '../../runtime/gateway/access.js';
import { createAliasListener, createTelemetryDoor } from '../../runtime/gateway/telemetry-door.js';
import { telemetrySettings } from '../../runtime/telemetry/settings.js';
import { createTelemetry } from '../../runtime/telemetry/telemetry.js';

const [folder, durability, size] = process.argv.slice(2) as [string, 'buffer' | 'flush', string];
const START_MS = 1_700_000_000_000;
const parts = { clock: systemClock, ids: systemIds, log: silentLog };
const telemetry = createTelemetry({
  node: 'bench', stateDir: folder, ...parts, settings: telemetrySettings({ durability, ownSamplesSeconds: 0, sizeMb: Number(size) }, {}, true),
  directory: staticDirectory({ node: { name: 'bench', url: 'http://127.0.0.1:1', level: 'edge', accepting: true }, children: [] }),
  peers: createPeerClient({ signer: createPeerSigner({ node: 'bench', key: 'key', ...parts }) }),
});
await telemetry.start();
const access = createAccess({ user: 'admin', password: 'password' }, createPeerVerifier({ key: 'key', clock: systemClock }));
const listener = createAliasListener(createTelemetryDoor({ routes: telemetry.routes, access, ...parts }), '127.0.0.1', 0);

/** Of all threads of the process since its start. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const asks: Record<string, () => Promise<object>> = {
  async 'in-process'() {
    const batches = Array.from({ length: 500 }, (_, batch) => Array.from({ length: 1_000 }, (__, at) => ({ entityID: `inner-${at}`, metricID: 'm', val: at, timestamp: START_MS + batch * 1_000 })));
    const [beganMs, before] = [performance.now(), cpuMs()];
    for (const batch of batches) await telemetry.put(batch);
    return { rate: 500_000 / (performance.now() - beganMs) * 1_000, cpuRate: 500_000 / (cpuMs() - before) * 1_000 };
  },
  async 'single-rows'() {
    const instance = await DuckDBInstance.create(join(folder, 'single.duckdb'));
    const db = await instance.connect();
    await db.run('CREATE TABLE points(entity VARCHAR, metric VARCHAR, ts BIGINT, val DOUBLE)');
    const beganMs = performance.now();
    for (let at = 0; at < 500; at += 1) await db.run(`INSERT INTO points VALUES ('e', 'm', ${at}, ${at})`);
    const rate = 500 / (performance.now() - beganMs) * 1_000;
    db.closeSync();
    instance.closeSync();
    return { rate };
  },
  /** 1,000 series of 10,000 points, one in twenty overwritten, and 100,000 of one. */
  async fill() {
    for (let first = 0; first < 100_000; first += 5_000) await telemetry.put(Array.from({ length: 5_000 }, (_, at) => ({ entityID: `wide-${first + at}`, metricID: 'one', val: at, timestamp: START_MS })));
    for (let second = 0; second < 10_000; second += 1) {
      const points = Array.from({ length: 1_000 }, (_, at) => ({ entityID: `deep-${at}`, metricID: 'deep', val: at, timestamp: START_MS + second * 1_000 }));
      if (second > 100) for (let at = 0; at < 50; at += 1) points.push({ ...points[(second * 7 + at * 20) % 1_000]!, val: 1, timestamp: START_MS + (second - 100) * 1_000 });
      await telemetry.put(points);
      // As a network would: what is written has to reach the disk in between.
      if (second % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { filled: true };
  },
  cpu: async () => ({ cpuMs: cpuMs() }),
  async settle() {
    await telemetry.settle();
    return {};
  },
  async memory() {
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  },
};

process.on('message', (message: string) => {
  if (message === 'stop') void Promise.all([listener.close(), telemetry.close()]).then(() => process.exit(0));
  else void asks[message]!().then((answer) => process.send!(answer));
});
process.send!({ url: await listener.listen() });
