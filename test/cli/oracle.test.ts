import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { domainNamespace, lidOf, nodeId, pidOf } from '../../runtime/base/ids.js';
import { listDomain } from './list-domain.js';
import { Shell } from './support.js';

describe('the oracle on the command line', function suite() {
  this.timeout(300_000);
  let shell: Shell;

  before(async () => {
    shell = await Shell.open();
    await shell.write(listDomain({ settings: 'performanceSamples: true\n', oracle: 'policy: none\nproxy:\n  dataset_path: dataset\n' }));
    await shell.up('--store', 'embedded');
    await done('function', 'invoke', 'list', '--node', 'leaf', '--session', 'anna');
    // The books have a session with the next report of its node.
    while (!(await done('oracle', 'sessions', '--json')).includes('"anna"'));
    while (!await knowsHealth());
  });
  after(() => shell.close());

  const done = (...args: string[]) => shell.done(...args);
  /** Of both nodes: it comes with their reports. */
  const knowsHealth = async () => {
    const { code, stdout } = await shell.run('node', 'health', '--json');
    return code === 0 && (JSON.parse(stdout) as { nodes: { health?: object }[] }).nodes.filter(({ health = {} }) => Object.keys(health).length > 0).length === 2;
  };

  it('says where sessions are, by id and by lid, and what nodes are', async () => {
    const { sessions: [anna] } = JSON.parse(await done('oracle', 'sessions', '--json')) as { sessions: { id: string; lid: string; current: string }[] };
    expect(anna).to.include({ id: 'anna', current: 'leaf' });
    expect(await done('oracle', 'session', anna!.lid)).to.include('current: leaf');
    expect(await done('node', 'capabilities', 'leaf')).to.match(/num_cpus: \d/);
    expect(await done('node', 'health', 'leaf')).to.include('mem_free');
    expect(await done('oracle', 'policy')).to.include('none');
  });

  it('shows the same for all nodes side by side', async () => {
    const lines = (await done('node', 'capabilities')).split('\n');
    expect(lines[0]).to.match(/^NODE +NUM_CPUS +NUM_CORES/);
    expect(lines.slice(1, 3).map((line) => line.split(' ')[0])).to.deep.equal(['top', 'leaf']);
    const { nodes } = JSON.parse(await done('node', 'health', '--json')) as { nodes: { node: string; health: Record<string, number> }[] };
    expect(nodes.map(({ node, health }) => [node, Object.keys(health).length])).to.deep.equal([['top', 21], ['leaf', 21]]);
  });

  it('says what the domain is, and dumps all of it', async () => {
    const info = JSON.parse(await done('domain', 'info', '--json')) as Record<string, unknown>;
    expect(info).to.include({ domain: 'local', nodes: 2, policy: 'none' });
    expect(await done('domain', 'info')).to.match(/^domain: local\n/);
    const dump = JSON.parse(await done('domain', 'dump')) as { nodes: { name: string; health: object }[]; sessions: { id: string }[]; functions: { name: string }[] };
    expect(dump.nodes.map(({ name }) => name)).to.deep.equal(['top', 'leaf']);
    expect(dump.sessions.map(({ id }) => id)).to.include('anna');
    expect(dump.functions.map(({ name }) => name)).to.include('list');
    const files = (await done('domain', 'dump', '--dir', 'dumped')).trim().split('\n');
    expect(files).to.include(join('dumped', 'sessions.json'));
    expect(JSON.parse(await readFile(join(shell.folder, 'dumped/nodes.json'), 'utf8'))).to.have.length(2);
  });

  it('shows sessions as instances with the ids that the mirror has, and functions with their sessions', async () => {
    const { instances } = JSON.parse(await done('session', 'instances', '--json')) as { instances: { session: string; lid: string; pid: string; node: string; epoch: number }[] };
    const anna = instances.find(({ session }) => session === 'anna')!;
    const namespace = domainNamespace('local');
    expect([anna.lid, anna.pid]).to.deep.equal([lidOf('anna', namespace), pidOf(lidOf('anna', namespace), nodeId('leaf', namespace), anna.epoch, namespace)]);
    expect(await done('session', 'instances', '--node', 'top', '--function', 'list')).to.match(/^LID +PID/);
    // What a node runs comes with its next registration.
    while (!/\nlist +top leaf +\d+ /.test(await done('function', 'instances')));
  });

  it('shows what functions took', async () => {
    let told = '';
    while (!told.includes('function_execution_time')) told = await done('telemetry', 'performance');
    expect(told).to.match(/^METRIC +SESSION +NODE +EPOCH +SAMPLES +MEAN/);
    const { samples } = JSON.parse(await done('telemetry', 'performance', '--metric', 'function_execution_time', '--session', 'anna', '--samples', '--json')) as { samples: { value: number }[] };
    expect(samples[0]!.value).to.be.a('number');
    const [file] = (await done('telemetry', 'performance', '--metric', 'function_execution_time', '--dir', 'times')).split('\n');
    expect(await readFile(join(shell.folder, file!), 'utf8')).to.match(/^[\d.]+,[\d.e-]+\n/);
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
