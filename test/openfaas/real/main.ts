/**
 * The commands of a real faas-cli, from PATH or `FAAS_CLI`, against a node of its own; one line for each, and exit code 1 when one
 * of them did not do what its users expect. Without a faas-cli it says so and ends with 2.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleFunction } from '../../../runtime/base/bundle.js';
import { startNode } from '../../../runtime/node.js';

const CLI = process.env.FAAS_CLI ?? 'faas-cli';
const PASSWORD = 'sesame';

interface Ran {
  code: number | null;
  output: string;
}

async function run(folder: string, args: string[], input = ''): Promise<Ran> {
  // Its own folder for credentials: those of whoever runs this are none of our business.
  const env = { ...process.env, OPENFAAS_CONFIG: join(folder, 'config'), HOME: folder };
  const child = spawn(CLI, args, { cwd: folder, env, stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  child.stdin.on('error', () => undefined).end(input);
  const [code] = await once(child, 'exit') as [number | null];
  return { code, output };
}

interface Command {
  args: string[];
  input?: string;
  expect: RegExp;
  fails?: boolean;
}

function commandsFor(url: string, image: string): Command[] {
  const at = ['--gateway', url];
  return [
    { args: ['list', ...at], expect: /unauthorized/i, fails: true },
    { args: ['login', '--username', 'admin', '--password-stdin', ...at], input: PASSWORD, expect: /credentials saved/ },
    { args: ['ready', ...at, '--attempts', '5'], expect: /ready/ },
    { args: ['version', ...at], expect: /edge-tree/ },
    { args: ['namespaces', ...at], expect: /openfaas-fn/ },
    { args: ['secret', 'create', 'api-key', '--from-literal', 'hush', ...at], expect: /Created|201/ },
    { args: ['secret', 'list', ...at], expect: /api-key/ },
    { args: ['secret', 'update', 'api-key', '--from-literal', 'other', ...at], expect: /Updated|202/ },
    { args: ['deploy', '--image', image, '--name', 'echo', '--secret', 'api-key', '--env', 'a=b', '--label', 'team=x', '--annotation', 'topic=y', ...at], expect: /Deployed\. 202/ },
    { args: ['ready', 'echo', ...at, '--attempts', '20'], expect: /Function echo is ready/ },
    { args: ['list', ...at], expect: /echo/ },
    { args: ['describe', 'echo', ...at], expect: /Name:\s+echo/ },
    { args: ['invoke', 'echo', ...at], input: 'hello', expect: /hello/ },
    { args: ['invoke', 'echo', '--async', ...at], input: 'hello', expect: /submitted asynchronously/ },
    { args: ['logs', 'echo', '--follow=false', ...at], expect: /said/ },
    { args: ['deploy', '--image', image, '--name', 'echo', ...at], expect: /Deployed\. 202/ },
    { args: ['remove', 'echo', ...at], expect: /Removing/ },
    { args: ['secret', 'remove', 'api-key', ...at], expect: /Removed|removed/ },
    { args: ['new', 'mine', '--lang', 'node-offload-js', '--prefix', 'local', ...at], expect: /Function created in folder/ },
    { args: ['generate', '-f', 'stack.yml'], expect: /kind: Function/ },
  ];
}

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'faas-cli-'));
  const found = await run(folder, ['version', '--client']).catch(() => undefined);
  if (!found || found.code !== 0) {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    console.error(`${CLI} cannot be run: put faas-cli on PATH, or name it with FAAS_CLI.`);
    return 2;
  }
  await cp('template', join(folder, 'template'), { recursive: true });
  await cp('stack.yml', join(folder, 'stack.yml'));
  for (const [name, text] of [['admin-password', PASSWORD], ['peer-key', 'k'.repeat(32)]] as const) await writeFile(join(folder, name), text, { mode: 0o600 });
  const node = await startNode({
    name: 'cloud', level: 'cloud', host: '127.0.0.1', port: 0, domainId: 'test', labels: {}, store: 'memory', stateDir: join(folder, 'state'), adminUser: 'admin',
    adminPasswordFile: join(folder, 'admin-password'), peerKeyFile: join(folder, 'peer-key'), log: 'silent',
  });
  let failures = 0;
  try {
    const image = await upload(node.url, folder);
    for (const { args, input, expect, fails = false } of commandsFor(node.url, image)) {
      const { code, output } = await run(folder, args, input);
      const isRight = expect.test(output) && (code === 0) !== fails;
      console.log(`${isRight ? 'ok  ' : 'FAIL'} faas-cli ${args.join(' ')}`);
      if (isRight) continue;
      failures += 1;
      console.log(`     exit code ${code}, expected ${String(expect)}\n${output.replace(/^/gm, '     ')}`);
    }
  } finally {
    await node.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
  console.log(failures === 0 ? 'all commands did what they should' : `${failures} commands did not`);
  return failures === 0 ? 0 : 1;
}

async function upload(url: string, folder: string): Promise<string> {
  const source = join(folder, 'echo');
  await cp(resolve('test/openfaas/real/echo'), source, { recursive: true });
  const { sha256, code } = await bundleFunction(source, 'echo');
  const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
  const { status } = await fetch(`${url}/system/bundles/${sha256}`, { method: 'PUT', headers: { authorization, 'content-type': 'application/octet-stream' }, body: code });
  if (status !== 201) throw new Error(`The bundle was refused with ${status}.`);
  return `bundle:${sha256}`;
}

process.exitCode = await main();
