import { runCommand } from './command.js';

/** A server binary that has been run once to ask its version. */
export interface ServerBinary {
  /** Absolute path. */
  binary: string;
  /** To be added to the environment it runs in. */
  env: Record<string, string>;
  /** `7.0.15` */
  version: string;
  flavour: 'redis' | 'valkey';
  /** `path`: installed; `cache`: taken from the cache folder; `packages`: downloaded into it just now. */
  source: 'path' | 'cache' | 'packages';
}

/** Scripts without declared keys, EVALSHA_RO and multi-part append-only files came with 7.0; every Valkey has them. */
export const OLDEST_REDIS = 7;

/** @returns the binary, or the reason why it cannot be used. */
export async function inspectBinary(
  binary: string, env: Record<string, string>, source: ServerBinary['source'], signal?: AbortSignal,
): Promise<ServerBinary | string> {
  try {
    const said = await runCommand(binary, ['--version'], { env: { ...process.env, ...env }, signal });
    const [, name, version] = /^(Redis|Valkey) server v=(\d+\.\d+\.\d+)/i.exec(said) ?? [];
    if (!name || !version) return `${binary} is no Redis or Valkey server`;
    const flavour = name.toLowerCase() as ServerBinary['flavour'];
    if (flavour === 'redis' && Number.parseInt(version, 10) < OLDEST_REDIS) return `${binary} is Redis ${version}, 7.0 or newer is needed`;
    return { binary, env, version, flavour, source };
  } catch (error) {
    return (error as Error).message;
  }
}
