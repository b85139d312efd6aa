/** An image that stands for the one with Node.js in it: made of this machine's own Node.js and npm, for there is no registry of images. */
import { execFile } from 'node:child_process';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { pack, type Pack } from 'tar-stream';
import type { TestEngine } from './support.js';

const run = promisify(execFile);
const APPLETS = ['sh', 'env', 'rm', 'mkdir', 'ls', 'cat', 'cp', 'mv', 'chmod', 'uname', 'test', 'true'];
const NPM = 'usr/local/lib/node_modules/npm';

/** @param options `name` as Dockerfiles call it; `registry`: where npm in it looks for packages. Resolves with the reason where it cannot be made. */
export async function makeNodeImage(engine: TestEngine, { name, registry }: { name: string; registry: string }): Promise<string | undefined> {
  const npm = await npmFolder();
  if (npm === undefined) return 'there is no npm to put into the image';
  const archive = pack();
  const filled = fill(archive, { npm, registry, busybox: engine.busybox }).then(() => archive.finalize());
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  await filled;
  const [repository, tag] = name.split(':');
  const path = encodeURIComponent('ENV PATH=/usr/local/bin:/usr/bin:/bin');
  const { status, text } = await engine.api('POST', `/images/create?fromSrc=-&repo=${repository}&tag=${tag}&changes=${path}`, Buffer.concat(chunks));
  return status !== 200 || text.includes('"error"') ? text : undefined;
}

async function fill(archive: Pack, { npm, registry, busybox }: { npm: string; registry: string; busybox: Buffer }): Promise<void> {
  const file = (name: string, content: Buffer | string, mode = 0o755) => archive.entry({ name: name.replace(/^\//, ''), mode }, content as string);
  const folder = (name: string, mode: number, id = 0) => archive.entry({ name, type: 'directory', mode, uid: id, gid: id });
  for (const name of ['bin', 'etc', 'home', 'root', 'usr', 'usr/bin', 'usr/local', 'usr/local/bin', 'usr/local/etc']) folder(name, 0o755);
  folder('tmp', 0o1777);
  folder('home/node', 0o755, 1_000);
  file('bin/busybox', busybox);
  for (const applet of APPLETS) archive.entry({ name: `bin/${applet}`, type: 'symlink', linkname: '/bin/busybox' });
  archive.entry({ name: 'usr/bin/env', type: 'symlink', linkname: '/bin/busybox' });
  file('etc/passwd', 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n', 0o644);
  file('etc/group', 'root:x:0:\nnode:x:1000:\n', 0o644);
  file('usr/local/etc/npmrc', `registry=${registry}\nupdate-notifier=false\n`, 0o644);
  file('usr/local/bin/node', await readFile(process.execPath));
  for (const library of await librariesOf(process.execPath)) file(library, await readFile(library));
  for (const path of await filesBelow(npm)) file(`${NPM}/${relative(npm, path)}`, await readFile(path));
  archive.entry({ name: 'usr/local/bin/npm', type: 'symlink', linkname: '../lib/node_modules/npm/bin/npm-cli.js' });
}

/** The loader among them. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]).catch(() => ({ stdout: '' }));
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}

async function npmFolder(): Promise<string | undefined> {
  const { stdout } = await run('which', ['npm']).catch(() => ({ stdout: '' }));
  const folder = stdout === '' ? '' : dirname(dirname(await realpath(stdout.trim())));
  const { name } = await readFile(join(folder, 'package.json'), 'utf8').then((text) => JSON.parse(text) as { name?: string }, () => ({ name: undefined }));
  return name === 'npm' ? folder : undefined;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
