/** The parent's end of the load generator. */
import { fileURLToPath } from 'node:url';
import { endChild, spawnModule } from './children.js';
import type { Job, Measured } from './load.js';

const LOAD = fileURLToPath(new URL('./load.js', import.meta.url));

export interface Generator {
  measure(job: Job): Promise<Measured>;
  close(): Promise<void>;
}

export async function startGenerator(): Promise<Generator> {
  const { child } = await spawnModule(LOAD);
  child.stderr!.on('data', (chunk: Buffer) => process.stderr.write(chunk));
  return {
    measure: (job) => new Promise((resolve, reject) => {
      child.once('message', ({ measured, error }: { measured?: Measured; error?: string }) => {
        if (measured) resolve(measured);
        else reject(new Error(error));
      });
      child.send(job);
    }),
    close: () => endChild(child),
  };
}
