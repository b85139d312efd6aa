/** Small files that are either the old or the new whole, also after a crash. */
import { mkdir, open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The caller must not write the same path twice at once. */
export async function writeAtomically(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Hidden, so that it takes no other file's name.
  const draft = join(dirname(path), `.${basename(path)}.draft`);
  const file = await open(draft, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
