import { expect } from 'chai';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Shell } from './support.js';

const TREE = 'levels: [cloud, edge]\nroot:\n  name: top\n  children:\n    - name: leaf\n';
const STACK = 'functions:\n  list:\n    handler: ./list\n    annotations: {worker: inline}\n';
const LIST = `import { Offloadable } from 'xylem';
export default class List extends Offloadable {
  async handleOffload(request, { edgeDB }) {
    await edgeDB.addToList('items', 'x');
    return { items: await edgeDB.getList('items') };
  }
}
`;

describe('the oracle on the command line', function suite() {
  this.timeout(120_000);
  let shell: Shell;

  before(async () => {
    shell = await Shell.open();
    await writeFile(join(shell.folder, 'domain.yml'), TREE);
    await writeFile(join(shell.folder, 'stack.yml'), STACK);
    await writeFile(join(shell.folder, 'oracle.yml'), 'policy: none\nproxy:\n  dataset_path: dataset\n');
    await mkdir(join(shell.folder, 'list'));
    await writeFile(join(shell.folder, 'list/handler.js'), LIST);
    await shell.start(/^ready in/, 'domain', 'up', '--base-port', '0', '--oracle-port', '0', '--store', 'embedded');
    await done('function', 'invoke', 'list', '--node', 'leaf', '--session', 'anna');
    // The books have a session with the next report of its node.
    while (!(await done('oracle', 'sessions', '--json')).includes('"anna"'));
  });
  after(() => shell.close());

  const done = async (...args: string[]) => {
    const { code, stdout, stderr } = await shell.run(...args);
    expect(code, stderr).to.equal(0);
    return stdout;
  };

  it('says where sessions are, by id and by lid, and what nodes are', async () => {
    const { sessions: [anna] } = JSON.parse(await done('oracle', 'sessions', '--json')) as { sessions: { id: string; lid: string; current: string }[] };
    expect(anna).to.include({ id: 'anna', current: 'leaf' });
    expect(await done('oracle', 'session', anna!.lid)).to.include('current: leaf');
    expect(await done('node', 'capabilities', 'leaf')).to.match(/num_cpus: \d/);
    expect(await done('node', 'health', 'leaf')).to.include('mem_free');
    expect(await done('oracle', 'policy')).to.include('none');
  });

  it('carries out intents, and remembers what became of them', async () => {
    expect(await done('intent', 'migrate', 'anna', '--to', 'top')).to.equal('migrate anna to top: it is at top now\n');
    expect(JSON.parse(await done('function', 'invoke', 'list', '--node', 'leaf', '--session', 'anna'))).to.deep.equal({ items: ['x', 'x'] });
    expect(await done('intent', 'cordon', 'leaf')).to.include('its status is reject');
    const refused = await shell.run('intent', 'migrate', 'nobody', '--to', 'top');
    expect([refused.code, refused.stderr]).to.deep.equal([1, 'error: migrate nobody to top was refused: no node has reported this session\n']);
    const unknown = await shell.run('intent', 'migrate', 'anna', '--to', 'mars');
    expect(unknown.stderr).to.include('NODE_UNKNOWN');
    expect(await done('intent', 'list', '--state', 'refused')).to.include('no node has reported this session');
  });

  it('records a dataset where its settings say so', async () => {
    expect((await readFile(join(shell.folder, 'dataset/mapping_to_instance_id.csv'), 'utf8')).split('\n')[0]).to.equal('timestamp,logical_id,node_id,physical_id');
  });

  it('compares policies', async () => {
    const rows = JSON.parse(await done('oracle', 'simulate', '--policy', 'none', 'balanced', '--trace', 'hot-leaf:3', '--seconds', '10', '--json')) as { policy: string; meanMs: number }[];
    expect(rows.map(({ policy }) => policy)).to.deep.equal(['none', 'balanced']);
    expect((await shell.run('oracle', 'simulate', '--policy', 'magic')).stderr).to.include('there is no policy magic');
  });
});
