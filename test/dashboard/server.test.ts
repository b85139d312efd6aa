import { expect } from 'chai';
import { told } from '../oracle/reports.js';
import { ToldDomain } from './support.js';

interface Overview {
  nodeColumns: string[];
  nodes: unknown[][];
  flows: unknown[][];
  tree: number;
}

describe('the dashboard\'s server', () => {
  let domain: ToldDomain;

  before(async () => {
    domain = await ToldDomain.open();
    await domain.register({ name: 'cloud', parent: null, level: 'cloud' });
    await domain.register({ name: 'edge', parent: 'cloud' });
    await domain.report('cloud', []);
    await domain.report('edge', [told('anna'), told('bob'), told('<b>bold</b>')], {
      load: { capacity: 4, busy: 1, waiting: 2, latencyMs: 5, memoryUsedBytes: 30, memoryLimitBytes: 100, requests: 10, latencyCounts: [...Array<number>(14).fill(0), 10] },
    });
    await domain.report('cloud', [told('anna', { epoch: 1 })]);
  });
  after(() => domain.close());

  it('gives a page that may load nothing from elsewhere, and run nothing that stands in it', async () => {
    for (const path of ['/', '/dashboard']) {
      const page = await fetch(domain.url + path);
      expect(page.status).to.equal(200);
      expect(page.headers.get('content-type')).to.equal('text/html; charset=utf-8');
      const policy = page.headers.get('content-security-policy')!;
      expect(policy).to.include("default-src 'none'").and.include("script-src 'self'").and.include("frame-ancestors 'none'").and.not.include('unsafe');
      expect(page.headers.get('x-content-type-options')).to.equal('nosniff');
      const html = await page.text();
      expect(html).to.not.match(/<script(?! src="\/dashboard\/page\.js")|style=|onerror|https?:\/\/(?!www\.w3\.org)/);
      for (const [, file] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) expect((await fetch(domain.url + file!)).status, file).to.equal(200);
    }
  });

  it('says when nothing of the page has changed', async () => {
    const first = await fetch(`${domain.url}/dashboard/page.js`);
    await first.arrayBuffer();
    const again = await fetch(`${domain.url}/dashboard/page.js`, { headers: { 'if-none-match': first.headers.get('etag')! } });
    expect(again.status).to.equal(304);
    expect((await fetch(`${domain.url}/`, { method: 'POST' })).status).to.equal(404);
    expect((await fetch(`${domain.url}/dashboard/main.ts`)).status).to.equal(404);
  });

  it('shows everybody the nodes and from where to where something moved, but no session', async () => {
    const { status, json } = await domain.get<Overview>('/api/v1/overview', false);
    expect(status).to.equal(200);
    const rows = json.nodes.map((row) => Object.fromEntries(row.map((value, at) => [json.nodeColumns[at], value])));
    expect(rows.map(({ name, alive, resident, away }) => [name, alive, resident, away])).to.deep.equal([['cloud', 1, 1, 0], ['edge', 1, 2, 1]]);
    expect(rows[1]).to.include({ capacity: 4, busy: 1, waiting: 2, memoryUsedBytes: 30, memoryLimitBytes: 100, accepting: 1, cordonedBy: '' });
    expect(json.flows.map((flow) => flow.slice(2))).to.deep.equal([['edge', 'cloud', 'done']]);
    expect(JSON.stringify(json)).to.not.include('anna');
    const functions = await domain.get<{ functions: { name: string; nodes: string[]; sessions: number }[] }>('/api/v1/functions', false);
    expect(functions.json.functions[0]).to.deep.include({ name: 'cart', nodes: ['cloud', 'edge'], sessions: 3 });
  });

  it('keeps sessions, moves, intents and samples for who knows the password', async () => {
    for (const path of ['sessions', 'moves', 'intents', 'performance']) {
      expect((await domain.get(`/api/v1/${path}`, false)).status, path).to.equal(401);
      expect((await domain.get(`/api/v1/${path}`)).status, path).to.equal(200);
    }
    const { json } = await domain.get<{ moves: object[] }>('/api/v1/moves');
    expect(json.moves).to.have.length(1);
    expect(json.moves[0]).to.include({ session: 'anna', from: 'edge', to: 'cloud', by: 'node', result: 'done' });
  });

  it('searches and pages sessions', async () => {
    const idsOf = async (query: string) => (await domain.get<{ total: number; sessions: { id: string; state: string }[] }>(`/api/v1/sessions?${query}`)).json;
    expect(await idsOf('search=BOLD')).to.nested.include({ total: 1, 'sessions[0].id': '<b>bold</b>', 'sessions[0].state': 'home' });
    expect((await idsOf('state=away')).sessions.map(({ id }) => id)).to.deep.equal(['anna']);
    expect((await idsOf('node=edge&offset=1&limit=1'))).to.include({ total: 2 });
    expect((await domain.get('/api/v1/sessions?state=lost')).status).to.equal(400);
    expect((await domain.get('/api/v1/sessions?offset=-1')).status).to.equal(400);
  });

  it('has the past in columns, and refuses more lines than anybody can tell apart', async () => {
    const history = await domain.get<{ atMs: number[]; requestsPerSecond: number[] }>('/api/v1/history?since=0', false);
    expect(history.json.atMs.length).to.equal(history.json.requestsPerSecond.length);
    const query = Array.from({ length: 13 }, (_, at) => `node=n${at}`).join('&');
    expect((await domain.get(`/api/v1/history?${query}`, false)).status).to.equal(400);
    expect((await domain.get('/api/v1/history?since=x', false)).status).to.equal(400);
  });

  it('says when the tree is another one', async () => {
    const before = (await domain.get<Overview>('/api/v1/overview')).json.tree;
    await domain.register({ name: 'edge', parent: 'cloud' });
    await domain.register({ name: 'late', parent: 'cloud' });
    let after = before;
    // The overview is made once a second.
    while (after === before) after = (await domain.get<Overview>('/api/v1/overview')).json.tree;
    expect(after).to.equal(before + 1);
  });
});
