import { createHash } from 'node:crypto';
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** The kernel's limit for the path of a unix socket is 107 bytes on Linux, 103 on macOS. */
const MAX_SOCKET_PATH_BYTES = 100;

/** Where a supervised server keeps what it has. */
export interface Place {
  /** Append-only file. */
  dataDir: string;
  socket: string;
  pidFile: string;
  logFile: string;
}

/** Makes the folders of a store server below a node's state folder; all of them are its owner's alone. */
export async function makePlace(stateDir: string): Promise<Place> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const base = await realpath(stateDir);
  const dataDir = join(base, 'store');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return { dataDir, socket: await socketPath(base), pidFile: join(base, 'store.pid'), logFile: join(base, 'store.log') };
}

/** A state folder deep in the tree has no room for a socket: then it lies in a short folder named by the state folder's hash. */
async function socketPath(base: string): Promise<string> {
  const near = join(base, 'store.sock');
  if (Buffer.byteLength(near) <= MAX_SOCKET_PATH_BYTES) return near;
  const folder = join(tmpdir(), `edge-${createHash('sha256').update(base).digest('hex').slice(0, 16)}`);
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  // Anybody may make a folder of that name in /tmp before us.
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0) {
    throw new Error(`${folder} has to be a folder that only user ${userInfo().username} can open; remove it`);
  }
  const far = join(folder, 'store.sock');
  if (Buffer.byteLength(far) > MAX_SOCKET_PATH_BYTES) throw new Error(`${far} is too long for a socket: set TMPDIR to a shorter path`);
  return far;
}
