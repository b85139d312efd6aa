import { expect } from 'chai';
import { once } from 'node:events';
import { listDomain } from './list-domain.js';
import { Shell } from './support.js';

describe('sessions on the command line', function suite() {
  this.timeout(600_000);
  let shell: Shell;

  beforeEach(async () => {
    shell = await Shell.open();
    await shell.write(listDomain());
  });
  afterEach(() => shell.close());

  const up = () => shell.up('--store', 'embedded');
  const done = (...args: string[]) => shell.done(...args);
  const add = (item: string, node: string) =>
    done('function', 'invoke', 'list', '--node', node, '--session', 'anna', '--query', `item=${item}`, '--data', 'carried over redirects');
  /** On a busy machine a move may be so slow that it is given up: no fault, it is asked for again. */
  const moved = async (...args: string[]) => {
    for (;;) {
      const { code, stderr } = await shell.run('session', ...args);
      if (code === 0) return;
      expect(stderr).to.include('(MOVE_REFUSED)');
    }
  };
  const holder = async () => (JSON.parse(await done('session', 'list', '--json')) as { sessions: { node: string }[] }).sessions.map(({ node }) => node);

  it('are listed, offloaded, brought back and migrated, and keep what they hold', async () => {
    await up();
    await add('a', 'leaf');
    expect(await holder()).to.deep.equal(['leaf']);
    await done('session', 'pause', 'anna');
    const inspected = JSON.parse(await done('session', 'inspect', 'anna', '--json')) as { node: string; may: string[] }[];
    expect(inspected.find(({ node }) => node === 'leaf')!.may).to.deep.equal(['resume']);
    expect((await shell.run('session', 'offload', 'anna')).stderr).to.include('SESSION_PAUSED');
    expect((await shell.run('session', 'force-release', 'anna')).stderr).to.include('OPERATION_REFUSED');
    await done('session', 'resume', 'anna');
    for (const verb of ['resume', 'force-release', 'cancel-move']) {
      const { code, stderr } = await shell.run('session', verb, 'anna');
      expect([code, stderr]).to.satisfy(([exit, said]: [number, string]) => exit !== 0 && said.includes('OPERATION_REFUSED'), verb);
    }
    await moved('offload', 'anna');
    expect(await holder()).to.deep.equal(['top']);
    await moved('onload', 'anna');
    expect(await holder()).to.deep.equal(['leaf']);
    await moved('migrate', 'anna', '--to', 'top');
    expect(await holder()).to.deep.equal(['top']);
    expect(JSON.parse(await add('b', 'leaf'))).to.deep.equal({ items: ['a', 'b'] });
    const unknown = await shell.run('session', 'show', 'nobody');
    expect([unknown.code, unknown.stderr]).to.deep.equal([1, 'error: no node knows the session nobody (SESSION_UNKNOWN)\n']);
  });

  it('are found again after the domain was stopped and started', async () => {
    const { child } = await up();
    await add('a', 'leaf');
    const exit = once(child, 'exit');
    await done('domain', 'down');
    await exit;
    await up();
    expect(JSON.parse(await add('b', 'leaf'))).to.deep.equal({ items: ['a', 'b'] });
  });

  it('may be told of a function that was deployed later, until it is removed', async () => {
    await up();
    await done('function', 'deploy', 'list', '--name', 'later', '--constraint', 'level=edge');
    expect(await done('function', 'list', '--node', 'leaf')).to.include('later');
    expect(await done('function', 'list')).to.not.include('later');
    const dry = JSON.parse(await done('function', 'deploy', 'list', '--name', 'later', '--in-every', 'cloud', '--dry-run', '--json')) as object[];
    expect(dry).to.deep.equal([{ function: 'later', constraints: ['level=cloud'], nodes: ['top'], removed: ['leaf'], pending: [] }]);
    expect(await done('function', 'list')).to.not.include('later');
    const wrong = await shell.run('function', 'deploy', 'list', '--in', 'nowhere');
    expect([wrong.code, wrong.stderr]).to.deep.equal([2, 'error: there is no area nowhere; the areas: top, leaf\n']);
    await done('function', 'deploy', 'list', '--name', 'later', '--in-every', 'cloud,edge', '--except', 'leaf');
    expect(await done('function', 'list')).to.include('later');
    expect(await done('function', 'list', '--node', 'leaf')).to.not.include('later');
    await done('function', 'remove', 'later');
    expect((await shell.run('function', 'describe', 'later')).code).to.equal(1);
  });
});
