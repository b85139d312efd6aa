/** A registry of npm's kind that has what is installed here, so that images are built without a network. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

export interface Registry {
  url: string;
  close(): Promise<void>;
}

interface Package {
  folder: string;
  manifest: { name: string; version: string };
}

/** @param root folder with node_modules */
export async function startRegistry(root: string): Promise<Registry> {
  const packages = await packagesBelow(join(root, 'node_modules'));
  let url = '';

  async function serve({ url: target = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(target).slice(1);
    const [, name = path, version] = /^(.+)\/-\/(.+)\.tgz$/.exec(path) ?? [];
    const found = packages.filter(({ manifest }) => manifest.name === name);
    if (found.length === 0) return void response.writeHead(404, { 'content-type': 'application/json' }).end('{"error": "not found"}');
    if (version !== undefined) return sendArchive(found.find(({ manifest }) => manifest.version === version)!, response);
    response.writeHead(200, { 'content-type': 'application/json' });
    const versions = Object.fromEntries(found.map(({ manifest }) => [manifest.version, { ...manifest, dist: { tarball: `${url}${name}/-/${manifest.version}.tgz` } }]));
    response.end(JSON.stringify({ name, 'dist-tags': { latest: found.at(-1)!.manifest.version }, versions }));
  }

  const server = createServer((incoming, response) => void serve(incoming, response).catch(() => response.destroy()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Those inside of others too. */
async function packagesBelow(folder: string): Promise<Package[]> {
  const names = await readdir(folder).catch(() => []);
  const found: Package[] = [];
  for (const name of names.filter((one) => !one.startsWith('.'))) {
    const at = join(folder, name);
    if (name.startsWith('@')) found.push(...await packagesBelow(at));
    else {
      const manifest = await readFile(join(at, 'package.json'), 'utf8').then((text) => JSON.parse(text) as Package['manifest'], () => undefined);
      if (manifest?.version !== undefined) found.push({ folder: at, manifest });
      found.push(...await packagesBelow(join(at, 'node_modules')));
    }
  }
  return found;
}

async function sendArchive({ folder }: Package, response: ServerResponse): Promise<void> {
  const archive = pack();
  const filled = fill(archive, folder);
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  await Promise.all([pipeline(archive, createGzip({ level: 1 }), response), filled]);
}

async function fill(archive: ReturnType<typeof pack>, folder: string): Promise<void> {
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules') waiting.push(path);
      if (entry.isFile()) archive.entry({ name: `package/${relative(folder, path)}`, mode: 0o755 }, await readFile(path));
    }
  }
  archive.finalize();
}
