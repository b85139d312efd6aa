import type { OffloadStatus, StatusFile } from '../../runtime/offload/status.js';

/** A node's offload status that no file keeps. */
export function memoryStatus(): StatusFile {
  let current: OffloadStatus = 'accept';
  return { get current() { return current; }, set: async (status: OffloadStatus) => void (current = status) } as unknown as StatusFile;
}
