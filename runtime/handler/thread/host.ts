/** A thread of the node's process, in place of a process: as cheap to reach as it gets with an event loop and a heap of its own. */
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { passedOn, type StartHost } from '../process/host.js';
import { eachLine } from '../process/lines.js';
import { PortWire } from './wire.js';

const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url));

export const startThread: StartHost = (memoryLimitMb, events) => {
  const { port1: ours, port2: theirs } = new MessageChannel();
  const thread = new Worker(PROGRAM, {
    env: passedOn(process.env), execArgv: ['--enable-source-maps'], stdout: true, stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: memoryLimitMb }, workerData: { port: theirs }, transferList: [theirs],
  });
  let reason: string | undefined;
  thread.on('error', (error) => { reason = error.message; });
  thread.once('exit', (code) => events.ended(reason ?? `its thread ended with code ${code}`));
  eachLine(thread.stdout, (message) => events.printed('info', message));
  eachLine(thread.stderr, (message) => events.printed('warn', message));
  let processBytes = process.memoryUsage.rss();
  return {
    wire: new PortWire(ours),
    kill: () => void thread.terminate(),
    heard() {
      processBytes = process.memoryUsage.rss();
    },
    // Its heap is bounded by V8, what lies beside the heap is not; while it is stalled, growth of the process is held against it.
    // While its event loop is not idle it takes the processor, or waits for the disk: as near as can be seen from outside.
    processorMs: async () => thread.performance.eventLoopUtilization().active,
    weigh: async (known) => known + Math.max(0, process.memoryUsage.rss() - processBytes),
  };
};
