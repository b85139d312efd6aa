/** The program of a worker thread: the same as a worker process's, on a message port. Its heap is its own, the process's memory is not. */
import { getHeapStatistics } from 'node:v8';
import { workerData, type MessagePort } from 'node:worker_threads';
import { keepTickShape } from '../../base/tick-shape.js';
import { Child } from '../process/child.js';
import { PortWire } from './wire.js';

const { port } = workerData as { port: MessagePort };
keepTickShape();
const child = new Child(new PortWire(port), () => {
  const { total_heap_size: heap, external_memory: beside } = getHeapStatistics();
  return heap + beside;
});
child.watchOver();
