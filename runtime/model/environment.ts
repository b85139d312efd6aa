import { callbacksProblem } from './callbacks.js';
import type { NodeConfig } from './config.js';
import { marksProblem, type Watermarks } from './watermarks.js';
import { corsProblem, type CorsSettings } from './cors.js';

/**
 * A node's configuration from the environment of a container or of a machine of its own: NODE_NAME
 * NODE_URL NODE_LEVEL PARENT_URL ORACLE_URL STORE_URL STATE_DIR DOMAIN_ID CORS_ORIGINS CALLBACK_URLS DRAIN_MS METRICS_PORT STATEFUL_BODY_MB IMAGES_FILE, and secret files
 * `admin-password` and `peer-key` in SECRETS_DIR. A password that is in no file may come from the environment, as OpenFaaS has it (base/credentials.ts).
 */
export function configFromEnvironment(env: Record<string, string | undefined>): NodeConfig {
  const name = env.NODE_NAME ?? env.HOSTNAME;
  if (!name) throw new Error('NODE_NAME is missing: give the node a name, or start it with --config FILE.');
  const stateDir = env.STATE_DIR ?? `.state/${name}`;
  const secrets = env.SECRETS_DIR ?? env.secret_mount_path ?? '/run/secrets';
  const metricsPort = wholeOf('METRICS_PORT', env.METRICS_PORT);
  return {
    name, level: env.NODE_LEVEL ?? 'edge', host: env.NODE_HOST ?? '0.0.0.0', port: Number(env.NODE_PORT ?? 8080), url: env.NODE_URL,
    parentUrl: env.PARENT_URL, oracleUrl: env.ORACLE_URL, domainId: env.DOMAIN_ID ?? 'local', labels: {},
    store: env.STORE_URL ?? 'auto', stateDir, adminUser: 'admin',
    adminPasswordFile: `${secrets}/admin-password`, peerKeyFile: `${secrets}/peer-key`, storePasswordFile: `${secrets}/store-password`,
    payloadSecretFile: `${secrets}/payload-secret`,
    cors: corsOf(env), callbacks: callbacksOf(env), offload: marksOf(env), drainMs: wholeOf('DRAIN_MS', env.DRAIN_MS), drain: drainOf(env.DRAIN), statefulBodyMb: wholeOf('STATEFUL_BODY_MB', env.STATEFUL_BODY_MB),
    ...(metricsPort !== undefined && { metricsPort }),
    telemetry: { aliasPort: 50_000 }, ...(env.IMAGES_FILE && { workers: { imagesFile: env.IMAGES_FILE } }),
  };
}

function marksOf(env: Record<string, string | undefined>): Partial<Watermarks> | undefined {
  if (!env.OFFLOAD_CAPACITY_MB) return undefined;
  const marks: Partial<Watermarks> = { capacityMb: Number(env.OFFLOAD_CAPACITY_MB), everySeconds: Number(env.OFFLOAD_EVERY ?? 0) };
  if (env.OFFLOAD_HIGH) marks.highPercent = Number(env.OFFLOAD_HIGH);
  if (env.OFFLOAD_LOW) marks.lowPercent = Number(env.OFFLOAD_LOW);
  const problem = marksProblem(marks);
  if (problem) throw new Error(`OFFLOAD_CAPACITY_MB, OFFLOAD_HIGH, OFFLOAD_LOW, OFFLOAD_EVERY: ${problem.name} is wrong: ${problem.reason}.`);
  return marks;
}

/** Empty is a list too: nobody is called back. */
function callbacksOf(env: Record<string, string | undefined>): string[] | undefined {
  if (env.CALLBACK_URLS === undefined) return undefined;
  const allowed = words(env.CALLBACK_URLS);
  const problem = callbacksProblem(allowed);
  if (problem !== undefined) throw new Error(`CALLBACK_URLS: ${problem}.`);
  return allowed;
}

function words(text = ''): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function corsOf(env: Record<string, string | undefined>): CorsSettings | undefined {
  const origins = words(env.CORS_ORIGINS);
  if (origins.length === 0) return undefined;
  const settings: CorsSettings = { origins, credentials: env.CORS_CREDENTIALS === 'true', headers: words(env.CORS_HEADERS) };
  if (env.CORS_MAX_AGE !== undefined) settings.maxAgeS = wholeOf('CORS_MAX_AGE', env.CORS_MAX_AGE);
  const problem = corsProblem(settings);
  if (problem !== undefined) throw new Error(`CORS_ORIGINS: ${problem}.`);
  return settings;
}

function drainOf(text: string | undefined): NodeConfig['drain'] {
  if (text === undefined || text === 'keep' || text === 'move') return text;
  throw new Error(`DRAIN is ${text}; it is keep or move.`);
}

function wholeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`${name} is ${text}; it is a whole number.`);
}
