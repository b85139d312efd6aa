/** WebSockets of functions in bundles, on real nodes. */
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tree } from '../../bench/harness/tree.js';
import { bundleFunction } from '../../runtime/base/bundle.js';
import { refused, Talk } from './support.js';

const ECHO = `export default () => 'by HTTP';
  export function handleMessage(message, { env }) {
    const text = message.text();
    switch (text) {
      case 'nothing': return undefined;
      case 'json': return { said: text, path: message.path, query: String(message.query), type: message.headers['content-type'] };
      case 'fails': throw new Error('secret');
      case 'stream': return (async function* () { yield 'piece'; })();
      case 'for ever': return new Promise(() => undefined);
      default: return message.headers['content-type'].startsWith('text/') ? text : message.body;
    }
  }`;
/** Says in order what it was told, and how often it was told something. */
const COUNTER = `import { Offloadable } from 'xylem';
  export default class extends Offloadable {
    async handleOffload(request, { edgeDB }) { return await edgeDB.getList('told'); }
    async handleMessage(message, { edgeDB }) {
      if (message.text() === 'fails') { await edgeDB.addToList('told', 'fails'); throw new Error('secret'); }
      await edgeDB.addToList('told', message.text());
      return (await edgeDB.getList('told')).length + ' ' + message.text();
    }
  }`;
const PLAIN = 'export default () => \'by HTTP\';';

describe('WebSockets of functions, on real nodes', function suite() {
  this.timeout(240_000);
  let folder: string;
  let tree: Tree;
  const talks: Talk[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sockets-'));
    for (const [name, code] of [['echo', ECHO], ['echo-inline', ECHO], ['counter', COUNTER], ['counter-inline', COUNTER], ['late', ECHO], ['plain', PLAIN]] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'handler.js'), code);
    }
    tree = new Tree({
      plans: [{ name: 'cloud', level: 'cloud' }, { name: 'milan', level: 'city', parent: 'cloud' }], store: 'embedded',
      functions: ['echo', 'echo-inline', 'counter', 'counter-inline', 'late', 'plain'].map((name) => ({
        name, folder: join(folder, name), envVars: { exec_timeout: '3m' }, annotations: { worker: name.endsWith('-inline') ? 'inline' : 'process', ...(name === 'late' && { 'timeout-ms': '200' }) },
      })),
    });
    await tree.start();
  });
  afterEach(() => {
    for (const talk of talks.splice(0)) talk.end();
  });
  after(async () => {
    await tree?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const at = (node: string, path: string) => `${tree.node(node).url}/function/${path}`;
  async function open(url: string, options = {}): Promise<Talk> {
    const talk = await Talk.open(url, options);
    talks.push(talk);
    return talk;
  }
  const told = async (name: string, session: string) => await (await fetch(at('milan', name), { headers: { 'x-session': session } })).json() as string[];
  const deploy = async (name: string, code: string, method: 'POST' | 'PUT') => {
    await writeFile(join(folder, name, 'handler.js'), code);
    const bundle = await bundleFunction(join(folder, name), name);
    await tree.admin(tree.node('milan'), 'PUT', `/system/bundles/${bundle.sha256}`, bundle.code);
    await tree.admin(tree.node('milan'), method, '/system/functions?wait=subtree', { service: name, image: `bundle:${bundle.sha256}` });
  };

  for (const name of ['echo', 'echo-inline']) {
    it(`${name}: each message is answered, in order: text by text, bytes by bytes, objects as JSON, nothing by nothing`, async () => {
      const talk = await open(at('milan', `${name}/room/1?name=anna`));
      const bytes = Buffer.from([0, 255, 254]);
      talk.say('hello', bytes, 'nothing', 'json', '', 'à bientôt');
      expect((await talk.hears(5)).map((one) => typeof one === 'string' && one.startsWith('{') ? JSON.parse(one) as unknown : one)).to.deep.equal([
        'hello', bytes, { said: 'json', path: '/room/1', query: 'name=anna', type: 'text/plain; charset=utf-8' }, '', 'à bientôt',
      ]);
    });
  }

  it('thousands at once are all answered, in order', async () => {
    const talk = await open(at('milan', 'echo-inline'));
    const many = Array.from({ length: 5_000 }, (_, index) => String(index));
    talk.say(...many);
    expect(await talk.hears(many.length)).to.deep.equal(many);
  });

  it('each message counts as an invocation', async () => {
    const talk = await open(at('milan', 'echo'));
    const counted = async () => Number(/gateway_function_invocation_total\{function_name="echo",code="200"\} (\d+)/.exec(await (await fetch(`${tree.node('milan').url}/metrics`)).text())?.[1] ?? 0);
    const before = await counted();
    await talk.ask('one');
    await talk.ask('two');
    expect(await counted()).to.equal(before + 2);
  });

  it('a function that takes no messages answers as ever; one with sessions wants one', async () => {
    expect(await refused(at('milan', 'plain'))).to.include({ status: 200, body: 'by HTTP' });
    const answer = await refused(at('milan', 'counter'));
    expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).to.deep.equal([400, 'SESSION_MISSING']);
    for (const wrong of ['connection=7', 'next=-1', 'session=']) expect((await refused(at('milan', `counter?session=a&${wrong}`))).status, wrong).to.equal(400);
    expect((await refused(at('milan', 'nobody'))).status).to.equal(404);
  });

  it('a message that fails ends the socket, and none behind it is taken', async () => {
    const talk = await open(at('milan', 'counter?session=failing'));
    talk.say('one', 'fails', 'two');
    const { code, reason } = await talk.closed;
    expect(code).to.equal(4500);
    expect(reason).to.match(/^HANDLER_FAILED: .*call [\w-]+\.$/).and.not.include('secret');
    expect(talk.heard).to.deep.equal(['1 one']);
    expect(await told('counter', 'failing')).to.deep.equal(['one']);
  });

  it('a function that takes too long, or answers a message with a stream, ends the socket', async () => {
    const late = await open(at('milan', 'late'));
    late.say('for ever');
    expect(await late.closed).to.include({ code: 4504 });
    const streaming = await open(at('milan', 'echo'));
    streaming.say('stream');
    expect(await streaming.closed).to.include({ code: 4500 });
    expect(streaming.heard).to.deep.equal([]);
  });

  it('a message that comes again under its connection and number takes effect once, and is answered as the first time', async () => {
    const connection = randomUUID();
    const first = await open(at('milan', `counter?session=again&connection=${connection}`));
    expect([await first.ask('one'), await first.ask('two')]).to.deep.equal(['1 one', '2 two']);
    first.end();
    const second = await open(at('milan', `counter?session=again&connection=${connection}&next=1`));
    expect([await second.ask('two'), await second.ask('three')]).to.deep.equal(['2 two', '3 three']);
    const other = await open(at('milan', `counter?session=again&connection=${connection}&next=2`));
    other.say('another');
    expect((await other.closed).reason).to.match(/^REQUEST_ID_REUSED/);
    expect(await told('counter', 'again')).to.deep.equal(['one', 'two', 'three']);
  });

  for (const name of ['counter', 'counter-inline']) {
    it(`${name}: a session that moves takes its client with it, and nothing is lost or doubled`, async () => {
      const session = `walks-${name}`;
      const connection = randomUUID();
      const answers: string[] = [];
      let url = at('milan', name);
      for (const to of ['cloud', 'milan', 'cloud', undefined]) {
        const here = new URL(url);
        for (const [part, value] of Object.entries({ session, connection, next: String(answers.length) })) here.searchParams.set(part, value);
        const talk = await open(here.href);
        const from = answers.length;
        const say = (first: number) => talk.say(...Array.from({ length: 20 }, (_, index) => `m${from + first + index}`));
        say(0);
        await talk.hears(1);
        if (to === undefined) {
          answers.push(...await talk.hears(20) as string[]);
          break;
        }
        await tree.admin(tree.node('milan'), 'POST', `/function/${to === 'cloud' ? 'force-offload' : 'force-onload'}?session=${session}`);
        say(20);
        const { code, reason } = await talk.closed;
        expect(code, reason).to.equal(4307);
        answers.push(...talk.heard as string[]);
        const next = new URL(reason);
        expect(next.host).to.equal(new URL(tree.node(to).url).host);
        next.pathname = `/function/${name}`;
        url = next.href;
      }
      expect(answers).to.deep.equal(answers.map((_, index) => `${index + 1} m${index}`));
      expect(answers.length).to.be.at.least(23);
      const { list } = { list: await (await fetch(at('cloud', name), { headers: { 'x-session': session } })).json() as string[] };
      expect(list).to.deep.equal(answers.map((_, index) => `m${index}`));
    });
  }

  it('a session that is elsewhere is told before the socket is opened; a page, which sees no redirect, by the socket', async () => {
    await (await open(at('milan', 'counter?session=above'))).ask('one');
    await tree.admin(tree.node('milan'), 'POST', '/function/force-offload?session=above');
    const { status, headers } = await refused(at('milan', 'counter/a?session=above&b=1'));
    expect(status).to.equal(307);
    expect(headers['location']).to.match(/\/function\/counter\/a\?session=above&b=1&session-home=milan&session-hops=1$/).and.include(tree.node('cloud').url);
    expect(headers['x-session-location']).to.equal('cloud');
    expect(await (await open(at('milan', 'counter'), { headers: { 'x-session': 'above' } })).ask('two')).to.equal('2 two');
    const page = await open(at('milan', 'counter?session=above'), { origin: 'https://shop.example' });
    const { code, reason } = await page.closed;
    expect([code, new URL(reason).host]).to.deep.equal([4307, new URL(tree.node('cloud').url).host]);
    // For ever round: whoever was sent here too often is told to try again.
    expect((await refused(at('milan', 'counter?session=above&session-home=milan&session-hops=4'))).status).to.equal(503);
  });

  it('goes on with the new code when its function is deployed anew, and is closed when it is removed', async () => {
    await mkdir(join(folder, 'fresh'));
    const code = (word: string) => `export default () => ''; export const handleMessage = () => '${word}';`;
    await deploy('fresh', code('old'), 'POST');
    const talk = await open(at('milan', 'fresh'));
    expect(await talk.ask('hello')).to.equal('old');
    await deploy('fresh', code('new'), 'PUT');
    expect(await talk.ask('hello')).to.equal('new');
    await tree.admin(tree.node('milan'), 'POST', '/system/scale-function/fresh', { serviceName: 'fresh', replicas: 0 });
    expect(await talk.ask('hello')).to.equal('new');
    await tree.admin(tree.node('milan'), 'DELETE', '/system/functions', { functionName: 'fresh' });
    expect((await talk.closed).code).to.equal(1012);
  });

  it('a client whose node is killed in the middle goes on at the next life, and nothing is lost or doubled', async () => {
    const connection = randomUUID();
    const node = tree.node('milan');
    const first = await open(at('milan', `counter-inline?session=killed&connection=${connection}`));
    const all = Array.from({ length: 400 }, (_, index) => `m${index}`);
    first.say(...all);
    await first.hears(10);
    await node.kill();
    expect((await first.closed).code).to.equal(1006);
    await node.start();
    await tree.healthy();
    const answers = first.heard as string[];
    const second = await open(at('milan', `counter-inline?session=killed&connection=${connection}&next=${answers.length}`));
    second.say(...all.slice(answers.length));
    answers.push(...await second.hears(all.length - answers.length) as string[]);
    expect(answers).to.deep.equal(all.map((message, index) => `${index + 1} ${message}`));
    expect(await told('counter-inline', 'killed')).to.deep.equal(all);
  });

  it('the node tells those that are open when it stops', async () => {
    const talk = await open(at('milan', 'echo'));
    expect(await talk.ask('hello')).to.equal('hello');
    process.kill(tree.node('milan').pid, 'SIGTERM');
    expect(await talk.closed).to.deep.equal({ code: 1001, reason: 'node milan is shutting down' });
  });
});
