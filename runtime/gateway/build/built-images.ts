/** Which bundle the builder made under which name: what `faas-cli deploy` then asks for by the image's name. */
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../../base/atomic-file.js';
import { MAX_BUILT_IMAGES } from '../../model/limits.js';

export interface BuiltImages {
  /** Hex SHA-256 of the bundle; undefined for what was not built here. */
  find(image: string): string | undefined;
  /** Hex SHA-256 of every bundle that has a name. */
  bundles(): Iterable<string>;
  put(image: string, sha256: string): Promise<void>;
}

/** @param file kept there; a torn or foreign file counts as none */
export async function openBuiltImages(file: string): Promise<BuiltImages> {
  const images = new Map(await readFile(file, 'utf8').then((text) => Object.entries(JSON.parse(text) as Record<string, string>)).catch(() => []));
  let saving: Promise<unknown> = Promise.resolve();
  return {
    find: (image) => images.get(named(image)),
    bundles: () => images.values(),
    async put(image, sha256) {
      images.delete(named(image));
      images.set(named(image), sha256);
      const [oldest] = images.keys();
      if (images.size > MAX_BUILT_IMAGES) images.delete(oldest!);
      const saved = saving.catch(() => undefined).then(() => writeAtomically(file, JSON.stringify(Object.fromEntries(images), undefined, 2)));
      saving = saved;
      await saved;
    },
  };
}

/** One name for `docker.io/library/f`, `f` and `f:latest`; other tags are other builds. */
function named(image: string): string {
  const plain = image.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '');
  return plain.slice(plain.lastIndexOf('/') + 1).includes(':') ? plain : `${plain}:latest`;
}
