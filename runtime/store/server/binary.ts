import type { ServerBinary } from '../../model/config.js';
import { runCommand } from './command.js';

export type { ServerBinary };

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
