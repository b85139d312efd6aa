import { execFile } from 'node:child_process';

/** Output of a program that ended with 0. Otherwise rejects with what it last said; never uses a shell. */
export function runCommand(
  program: string, args: string[], options: { env?: NodeJS.ProcessEnv; cwd?: string; signal?: AbortSignal } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const { env = process.env, cwd, signal } = options;
    execFile(program, args, { env: { ...env, LC_ALL: 'C' }, cwd, signal, maxBuffer: 4 << 20 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim().split('\n').findLast((line) => line !== '' && !line.startsWith('W:'));
      const reason = signal?.aborted ? 'the time allowed was over' : said ?? error.message;
      reject(new Error(`${program}: ${reason}`, { cause: error }));
    });
  });
}
