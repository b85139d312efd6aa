import { createClient } from 'redis';

/** What a server answers about itself; undefined when nothing answers at the socket in time. */
export interface Answer {
  pid: number;
  /** True while it still reads its file. */
  loading: boolean;
}

/** Asks a server at a unix socket who it is, and optionally sets its fsync policy. */
export async function askServer(socket: string, timeoutMs: number, appendfsync?: string): Promise<Answer | undefined> {
  const client = createClient({
    socket: { path: socket, tls: false, connectTimeout: timeoutMs, reconnectStrategy: false }, disableClientInfo: true, commandOptions: { timeout: timeoutMs },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const info = await client.info();
    const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const answer = { pid: field('process_id'), loading: field('loading') === 1 || field('async_loading') === 1 };
    if (appendfsync && !answer.loading) await client.configSet('appendfsync', appendfsync);
    return answer;
  } catch {
    return undefined;
  } finally {
    if (client.isOpen) client.destroy();
  }
}
