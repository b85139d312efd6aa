import { expect } from 'chai';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { processesWith, signal } from '../../runtime/base/process.js';
import { Shell, type Started } from './support.js';

const TREE = 'levels: [cloud, edge]\nstore: memory\nroot:\n  name: top\n  children:\n    - name: leaf\n';
const PORTS = ['--base-port', '0', '--oracle-port', '0'];

describe('the command line', function suite() {
  this.timeout(240_000);
  let shell: Shell;

  const up = (...more: string[]) => shell.up('--no-functions', ...more);
  const configOf = (name: string) => join(shell.folder, '.state/nodes', name, 'config.json');

  describe('in a folder of its own', () => {
    beforeEach(async () => {
      shell = await Shell.open();
      await shell.write({ 'domain.yml': TREE });
    });
    afterEach(() => shell.close());

    it('starts a domain, shows it, and leaves no process behind when it stops', async () => {
      const { child } = await up();
      const status = await shell.run('domain', 'status', '--json');
      expect(status.code, status.stderr).to.equal(0);
      expect((JSON.parse(status.stdout) as { nodes: { name: string; state: string }[] }).nodes.map(({ name, state }) => [name, state]))
        .to.deep.equal([['top', 'ready'], ['leaf', 'ready']]);
      const exit = once(child, 'exit');
      expect((await shell.run('domain', 'down')).code).to.equal(0);
      expect((await exit)[0]).to.equal(0);
      expect(await processesWith('--config', configOf('top'), configOf('leaf'))).to.deep.equal([]);
      expect((await shell.run('domain', 'status')).code).to.equal(3);
    });

    it('names the process that has a port it wants, and starts nothing', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const { code, stderr } = await shell.run('domain', 'up', '--base-port', '0', '--oracle-port', String(port));
      server.close();
      expect(code).to.equal(1);
      expect(stderr).to.include(`port ${port} for the oracle: in use by process ${process.pid}`);
    });

    it('prints every error of the domain file with its place', async () => {
      await writeFile(join(shell.folder, 'domain.yml'), 'colour: red\nroot:\n  name: A\n');
      const { code, stderr } = await shell.run('domain', 'up');
      expect(code).to.equal(2);
      expect(stderr).to.match(/domain\.yml:1:1: unknown key colour/).and.match(/domain\.yml:3:9: "A" is no good name/);
    });

    it('checks and shows an infrastructure file of areas without starting anything', async () => {
      const area = { areaTypesIdentifiers: ['country', 'city'], hierarchy: [{ areaName: 'italy', areas: [{ areaName: 'milan' }] }] };
      await writeFile(join(shell.folder, 'areas.json'), JSON.stringify(area));
      expect((await shell.run('domain', 'check', 'areas.json')).stdout).to.match(/areas\.json is right: 2 nodes/);
      expect((await shell.run('domain', 'show', 'areas.json')).stdout).to.match(/^italy +country +http:\/\/127\.0\.0\.1:8080/m).and.match(/^└─ milan +city/m);
      await writeFile(join(shell.folder, 'areas.json'), JSON.stringify({ ...area, colour: 'red' }, undefined, 1));
      const refused = await shell.run('domain', 'check', 'areas.json', '--json');
      expect(refused.code).to.equal(2);
      expect((JSON.parse(refused.stderr) as { errors: { line: number }[] }).errors.map(({ line }) => line)).to.deep.equal([16]);
    });

    it('lets a node join that was started by itself', async () => {
      await up();
      const { nodes, oracleUrl, peerKeyFile } = await shell.record();
      await shell.start(/^admin:/, 'node', 'start', '--parent', nodes[0]!.url, '--oracle', oracleUrl, '--peer-key', peerKeyFile, '--name', 'late', '--level', 'edge', '--store', 'memory');
      // Parent and oracle hear of it in their own time.
      while (!(JSON.parse((await shell.run('node', 'show', 'top', '--json')).stdout) as { children: { name: string }[] }).children.some(({ name }) => name === 'late'));
      while (!/^├─ leaf .*\n└─ late +edge /m.test((await shell.run('domain', 'show')).stdout));
    });

    it('says what to do about a record of the domain that is damaged', async () => {
      for (const text of ['', '{"domain', 'null']) {
        await shell.write({ '.state/domain.json': text });
        const { code, stderr } = await shell.run('domain', 'reset');
        expect([code, stderr]).to.deep.equal([1, `error: ${join(shell.folder, '.state/domain.json')} does not say which domain is there: take the file away, and xylem domain up writes it anew\n`]);
      }
    });

    it('ends with 2 on wrong usage and with 3 where nothing listens', async () => {
      expect((await shell.run('domain', 'up', '--colour', 'red')).code).to.equal(2);
      expect((await shell.run('session', 'list')).code).to.equal(3);
      await writeFile(join(shell.folder, 'password'), 'p');
      expect((await shell.run('node', 'list', '--gateway', 'http://127.0.0.1:9', '--password-file', 'password')).code).to.equal(3);
    });

    it('has examples in the help of every verb', async () => {
      const verbs = { domain: ['up', 'down', 'reset', 'status', 'info', 'dump', 'check', 'show'], node: ['list', 'show', 'capabilities', 'health', 'cordon', 'uncordon', 'start'],
        telemetry: ['performance'],
        session: ['list', 'show', 'instances', 'offload', 'onload', 'migrate'], function: ['list', 'instances', 'describe', 'new', 'test', 'deploy', 'remove', 'invoke'] };
      for (const [noun, names] of Object.entries(verbs)) {
        const helps = await Promise.all(names.map((verb) => shell.run(noun, verb, '--help')));
        for (const help of helps) expect(help).to.deep.include({ code: 0 }).and.to.have.property('stdout').that.matches(/Examples?:/);
      }
    });
  });

  describe('beside a domain that runs', () => {
    let running: Started;

    before(async () => {
      shell = await Shell.open();
      await shell.write({ 'domain.yml': TREE });
      running = await up();
    });
    after(() => shell?.close());

    it('keeps its secrets from other users', async () => {
      const modes = await Promise.all(['', 'admin-password', 'peer-key', 'domain.json'].map(async (name) => (await stat(join(shell.folder, '.state', name))).mode & 0o777));
      expect(modes).to.deep.equal([0o700, 0o600, 0o600, 0o600]);
    });

    it('says who holds a state folder, and neither starts twice nor resets it meanwhile', async () => {
      for (const args of [['up', ...PORTS], ['reset']]) {
        const { code, stderr } = await shell.run('domain', ...args);
        expect(code).to.equal(1);
        expect(stderr).to.include(`process ${running.child.pid}`);
      }
    });

    it('shows the tree that runs, with what each node has', async () => {
      // A node that the machine keeps from answering in time is shown as silent.
      const whole = [/^top +cloud +http:.* memory +ready +0$/m, /^└─ leaf +edge +http:.* memory +accept +0$/m];
      for (let shown = ''; !whole.every((line) => line.test(shown));) shown = (await shell.run('domain', 'show')).stdout;
      const told = async () => (JSON.parse(await shell.done('domain', 'show', '--json')) as { nodes: { name: string; functions?: string[] }[] }).nodes;
      let nodes = await told();
      while (nodes.some(({ functions }) => functions === undefined)) nodes = await told();
      expect(nodes.map(({ name, functions }) => [name, functions])).to.deep.equal([['top', []], ['leaf', []]]);
    });

    it('cordons a node and opens it again', async () => {
      expect((await shell.run('node', 'cordon', 'leaf')).stdout).to.include('status: reject');
      expect((await shell.run('node', 'uncordon', 'leaf')).stdout).to.include('status: accept');
      const refused = await shell.run('node', 'cordon', 'top');
      expect([refused.code, refused.stderr]).to.deep.equal([1, 'error: Node top is the root: it has no parent to offload to. (NO_PARENT)\n']);
    });

    it('starts a crashed node again, and says so', async () => {
      const [pid] = await processesWith('--config', configOf('leaf'));
      signal(pid!, 'SIGKILL');
      await running.line(/^node leaf ended by itself \(SIGKILL\)/);
      await running.line(/^node leaf is back/);
      expect((await shell.run('node', 'show', 'leaf')).code).to.equal(0);
    });
  });
});
