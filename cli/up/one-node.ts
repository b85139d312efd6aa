/** `node start`: one node under supervision, for a machine of its own. */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeConfig } from '../../runtime/model/config.js';
import { wrongUsage } from '../failure.js';
import type { NodeStartOptions } from '../node.js';
import { ADMIN_USER, DEFAULT_STATE, stateFolder } from '../state.js';
import { Child } from './child.js';
import { takeFolder } from './lock.js';
import { assertFree } from './ports.js';
import { makePassword } from './secrets.js';
import { untilStopped } from './signals.js';
import { endStores } from './stores.js';

const SCRIPT = fileURLToPath(new URL('../../runtime/node.js', import.meta.url));
const PATIENCE_MS = 3_000;
const STORES_PATIENCE_MS = 500;
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Resolves after the node has been stopped. */
export async function runNode(options: NodeStartOptions): Promise<void> {
  const say = (line: string) => console.log(line);
  const name = options.name ?? hostname().toLowerCase();
  if (!NAME.test(name)) throw wrongUsage(`${name} is no good name of a node: lower-case letters, digits and dashes`);
  for (const [option, url] of [['--parent', options.parent], ['--url', options.url], ['--oracle', options.oracle]] as const) {
    if (url !== undefined && !(URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))) throw wrongUsage(`${option} ${url} is no http address`);
  }
  await access(options.peerKey).catch(() => {
    throw wrongUsage(`the file ${options.peerKey} cannot be read: copy peer-key from the domain's state folder, mode 0600`);
  });
  const state = stateFolder(options.state ?? join(DEFAULT_STATE, name));
  await mkdir(state.path, { recursive: true, mode: 0o700 });
  const release = await takeFolder(state);
  try {
    if (options.port !== 0) await assertFree(options.host, [{ port: options.port, what: `node ${name}` }]);
    const passwordFile = options.passwordFile === undefined ? state.passwordFile : resolve(options.passwordFile);
    if (options.passwordFile === undefined) await makePassword(state.passwordFile, process.env.ADMIN_PASSWORD);
    const config: NodeConfig = {
      name, level: options.level, host: options.host, port: options.port, url: options.url, parentUrl: options.parent, oracleUrl: options.oracle,
      domainId: options.domainId, labels: options.label ?? {}, store: options.store, stateDir: state.path, adminUser: ADMIN_USER,
      adminPasswordFile: passwordFile, peerKeyFile: resolve(options.peerKey),
    };
    const configFile = join(state.path, 'config.json');
    await writeFile(configFile, JSON.stringify(config, undefined, 2), { mode: 0o600 });
    const child = new Child({ title: `node ${name}`, script: SCRIPT, configFile, say });
    const stop = async (patienceMs: number) => {
      await child.stop(patienceMs);
      await endStores([state.path], STORES_PATIENCE_MS);
    };
    const stopped = untilStopped(() => stop(0), say);
    try {
      await Promise.race([child.start().then(({ url, store }) => {
        say(`${name}  ${config.level}  ${url}  store ${store?.kind}: ${store?.why}`);
        say(`admin: user ${ADMIN_USER}, password in ${passwordFile}`);
      }), stopped.asked]);
      await stopped.asked;
    } finally {
      await stop(PATIENCE_MS);
      stopped.forget();
    }
  } finally {
    await release();
  }
  say('stopped');
}
