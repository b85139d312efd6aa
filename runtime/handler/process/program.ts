/** The program of a worker process: it ends when the socket it was born with does. */
import { Socket } from 'node:net';
import { keepTickShape } from '../../base/tick-shape.js';
import { Child } from './child.js';
import { SocketWire } from './wire.js';

/** The socket is the first descriptor after the standard three. */
const SOCKET_FD = 3;

// Ctrl-C reaches the whole process group; the node stops its workers in order.
process.on('SIGINT', () => undefined);
keepTickShape();
const child = new Child(new SocketWire(new Socket({ fd: SOCKET_FD, readable: true, writable: true })), () => process.memoryUsage.rss());
child.watchOver();
