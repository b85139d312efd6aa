/** All at a glance: numbers, the tree, moves, charts. */
import type { DomainHistory, NodeHistory } from '../../../runtime/model/oracle-answers.js';
import { Canopy } from './canopy.js';
import { Chart, LINE_COLOURS } from './charts.js';
import { h, icon, say } from './dom.js';
import { ago, bytes, count, ms, number, plural } from './format.js';
import { MovesList } from './moves-list.js';
import type { PageParts, View } from './page-parts.js';
import type { Flow } from './types.js';

const CHARTED_NODES = 8;
const KEPT_POINTS = 900;

export class OverviewView implements View {
  readonly title = 'Overview';
  readonly element: HTMLElement;
  private readonly tiles = {
    nodes: tile('Nodes'), sessions: tile('Sessions'), rate: tile('Requests / s'), latency: tile('Latency p99'), moves: tile('Moves / min'), policy: tile('Policy'),
  };
  private readonly canopy: Canopy;
  private readonly moves: MovesList;
  private readonly charts = {
    rate: new Chart({ title: 'Requests per second', lines: [{ label: 'requests', colour: '--line-1', isFilled: true }], value: number }),
    latency: new Chart({ title: 'Latency', lines: [{ label: 'p50', colour: '--line-1' }, { label: 'p99', colour: '--line-3' }], value: ms }),
    moves: new Chart({ title: 'Moves per minute', lines: [{ label: 'moves', colour: '--line-2', isFilled: true }], value: number }),
    memory: new Chart({ title: 'Memory of sessions, fullest nodes', lines: [], value: bytes, least: 1000 }),
  };
  private history: DomainHistory | undefined;
  private chartedNodes: string[] = [];
  private nodeHistory: NodeHistory | undefined;
  private isBuilt = false;

  constructor(private readonly page: PageParts) {
    this.canopy = new Canopy(page.model, page.openNode);
    this.moves = new MovesList(page);
    const { rate, latency, moves, memory } = this.charts;
    this.element = h('div', { class: 'overview' },
      h('section', { class: 'tiles', 'aria-label': 'Numbers' }, ...Object.values(this.tiles).map((each) => each.element)),
      h('section', { class: 'card tree-card', 'aria-labelledby': 'tree-title' },
        h('div', { class: 'card-head' }, h('h2', { id: 'tree-title' }, 'Tree'), h('div', { class: 'scale' }, h('span', {}, 'load'), h('i', {}), h('span', {}, 'full')), h('a', { href: '#nodes', class: 'more' }, 'All nodes', icon('right'))), this.canopy.element),
      h('section', { class: 'card moves-card', 'aria-labelledby': 'moves-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'moves-title' }, 'Moves'), h('a', { href: '#intents', class: 'more' }, 'Intents', icon('right'))), this.moves.element),
      h('section', { class: 'charts', 'aria-label': 'The last half hour' }, rate.element, latency.element, moves.element, memory.element));
  }

  async update({ flows, treeChanged }: { flows: Flow[]; treeChanged: boolean }): Promise<void> {
    if (treeChanged || !this.isBuilt) this.canopy.rebuild();
    else this.canopy.update();
    this.isBuilt = true;
    this.canopy.fly(flows);
    await Promise.all([this.moves.update(), this.drawDomain(), this.drawNodes()]);
    this.fillTiles();
  }

  private fillTiles(): void {
    const { model } = this.page;
    const { overview, now } = model;
    if (!overview) return;
    const nodes = [...now.values()];
    const failed = nodes.filter(({ alive }) => !alive).length;
    const closed = nodes.filter(({ alive, accepting, reportedMs }) => alive && !accepting && reportedMs > 0).length;
    const away = nodes.reduce((sum, node) => sum + node.away, 0);
    const waiting = nodes.reduce((sum, node) => sum + node.waiting, 0);
    const last = <K extends keyof DomainHistory>(key: K) => this.history?.[key].at(-1) ?? null;
    const { nodes: nodesTile, sessions, rate, latency, moves, policy } = this.tiles;
    nodesTile.say(`${count(nodes.length - failed)}`, failed > 0 ? `${failed} failed of ${nodes.length}` : closed > 0 ? `${closed} ${closed === 1 ? 'takes' : 'take'} no new sessions` : 'all alive', failed > 0 ? 'bad' : closed > 0 ? 'warn' : 'good');
    sessions.say(count(overview.totals.sessions), away > 0 ? `${count(away)} away from home` : 'all at home');
    rate.say(number(nodes.reduce((sum, node) => sum + node.requestsPerSecond, 0)), waiting > 0 ? `${plural(waiting, 'request')} ${waiting === 1 ? 'waits' : 'wait'}` : 'nobody waits', waiting > 0 ? 'warn' : undefined);
    const [p50, p99] = [last('p50Ms'), last('p99Ms')];
    latency.say(p99 === null ? '–' : ms(p99), p50 === null ? 'no requests just now' : `median ${ms(p50)}`);
    const { open, running } = overview.totals;
    moves.say(count(overview.totals.movesPerMinute), open > 0 ? `${plural(open, 'intent')} open, ${running} running` : 'no intent open');
    const { name: policyName, decidesFromMs, lookedMs, decisions = 0 } = overview.policy;
    policy.say(policyName, model.clockMs < decidesFromMs ? 'listens before it decides' : lookedMs === undefined ? 'has not looked yet' : decisions > 0 ? `${plural(decisions, 'decision')} just now` : `nothing to do, ${ago(lookedMs, model.clockMs)} ago`);
  }

  private async drawDomain(): Promise<void> {
    const since = this.history?.atMs.at(-1) ?? 0;
    const news = await this.page.api.get<DomainHistory>(`/api/v1/history?since=${since}`);
    this.history = this.history && isLater(this.page, since) ? joined(this.history, news) : news;
    const { atMs, requestsPerSecond, p50Ms, p99Ms, movesPerMinute } = this.history;
    this.charts.rate.show(atMs, [requestsPerSecond]);
    this.charts.latency.show(atMs, [p50Ms, p99Ms]);
    this.charts.moves.show(atMs, [movesPerMinute]);
  }

  private async drawNodes(): Promise<void> {
    const fullest = [...this.page.model.now.values()].sort((left, right) => right.memoryUsedBytes - left.memoryUsedBytes).slice(0, CHARTED_NODES).map((node) => node.name).sort();
    if (fullest.length === 0) return;
    if (fullest.join() !== this.chartedNodes.join()) {
      this.chartedNodes = fullest;
      this.nodeHistory = undefined;
      this.charts.memory.setLines(fullest.map((label, index) => ({ label, colour: LINE_COLOURS[index]! })));
    }
    const since = this.nodeHistory?.atMs.at(-1) ?? 0;
    const query = new URLSearchParams([['since', String(since)], ...fullest.map((node) => ['node', node])]);
    const news = await this.page.api.get<NodeHistory>(`/api/v1/history?${query}`);
    this.nodeHistory = this.nodeHistory && since > 0 ? joinedNodes(this.nodeHistory, news) : news;
    const { atMs, nodes } = this.nodeHistory;
    this.charts.memory.show(atMs, this.chartedNodes.map((node) => nodes[node]?.memoryBytes ?? atMs.map(() => null)));
  }
}

interface Tile {
  element: HTMLElement;
  say(value: string, detail: string, tone?: 'good' | 'warn' | 'bad'): void;
}

function tile(title: string): Tile {
  const [value, detail] = [h('strong', {}, '–'), h('small', {})];
  const element = h('div', { class: 'tile' }, h('span', { class: 'tile-title' }, title), value, detail);
  return {
    element,
    say(text, more, tone) {
      say(value, text);
      say(detail, more);
      element.dataset['tone'] = tone ?? '';
    },
  };
}

/** An oracle that was restarted since has another past. */
function isLater({ model }: PageParts, sinceMs: number): boolean {
  return sinceMs >= (model.overview?.oracle.startedMs ?? 0);
}

function joined(before: DomainHistory, news: DomainHistory): DomainHistory {
  return Object.fromEntries(Object.entries(before).map(([key, values]) => [key, [...values, ...news[key as keyof DomainHistory]].slice(-KEPT_POINTS)])) as unknown as DomainHistory;
}

function joinedNodes(before: NodeHistory, news: NodeHistory): NodeHistory {
  const join = <T>(one: T[], other: T[] = []) => [...one, ...other].slice(-KEPT_POINTS);
  return {
    atMs: join(before.atMs, news.atMs),
    nodes: Object.fromEntries(Object.entries(before.nodes).map(([node, { memoryBytes, load }]) => [node, { memoryBytes: join(memoryBytes, news.nodes[node]?.memoryBytes), load: join(load, news.nodes[node]?.load) }])),
  };
}

