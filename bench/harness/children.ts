/** Child processes of a measurement: each tells its parent when it is ready, and ends with it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Spawned<Ready> {
  child: ChildProcess;
  ready: Ready;
}

/** Starts a module and waits for its `{event: 'ready', …}`; rejects with what it said when it ends before. */
export async function spawnModule<Ready>(
  file: string, args: string[] = [], options: { env?: NodeJS.ProcessEnv; execArgv?: string[]; timeoutMs?: number } = {},
): Promise<Spawned<Ready>> {
  const { env = {}, execArgv = [], timeoutMs = 180_000 } = options;
  const child = fork(file, args, { env: { ...process.env, ...env }, execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
  let said = '';
  const note = (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4_000); };
  child.stdout!.on('data', note);
  child.stderr!.on('data', note);
  try {
    const ready = await new Promise<Ready>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${file} was not ready within ${timeoutMs} ms: ${said}`)), timeoutMs);
      child.on('message', (message: { event?: string; reason?: string }) => {
        if (message.event === 'ready') resolve(message as Ready);
        if (message.event === 'failed') reject(new Error(`${file}: ${message.reason}`));
        if (message.event === 'ready' || message.event === 'failed') clearTimeout(timer);
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`${file} ended with ${code ?? signal}: ${said}`));
      });
    });
    return { child, ready };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Asks it to end, and makes it end when it does not. */
export async function endChild(child: ChildProcess, patienceMs = 6_000): Promise<void> {
  if (!isRunning(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await exited;
  clearTimeout(timer);
}

export async function killChild(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
