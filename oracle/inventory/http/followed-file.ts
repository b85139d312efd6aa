/** What is made of a file, made again when the file has changed: keys are exchanged while everything runs. */
import { readFile, stat } from 'node:fs/promises';

/** Rejects when the file cannot be read, and with whatever `make` throws. */
export function followedFile<T>(file: string, make: (text: string) => T): () => Promise<T> {
  let known: { stamp: string; made: T } | undefined;
  return async () => {
    const { mtimeMs, size, ino } = await stat(file);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    // The stamp is from before the text: whoever writes in between is noticed the next time.
    if (known?.stamp !== stamp) known = { stamp, made: make(await readFile(file, 'utf8')) };
    return known.made;
  };
}
