/** Every node in a table, as a tree that folds. */
import type { RegisteredNode } from '../../../runtime/model/oracle-answers.js';
import { h, icon, name, printable, say } from './dom.js';
import { ago, bytes, count, ms, number } from './format.js';
import { fullnessOf, loadOf, statusOf } from './model.js';
import type { PageParts, View } from './page-parts.js';
import { type Column, Table } from './table.js';
import type { NodeNow } from './types.js';

interface Row {
  node: RegisteredNode;
  now: NodeNow | undefined;
  depth: number;
  below: number;
}

/** More rows at once cost a browser more than they tell. */
const PAGE = 100;

type Order = 'tree' | 'load' | 'memory' | 'sessions';

export class NodesView implements View {
  readonly title = 'Nodes';
  readonly element: HTMLElement;
  private readonly table: Table<Row>;
  private readonly search = h('input', { type: 'search', placeholder: 'Name, level or label', 'aria-label': 'Search nodes', oninput: () => this.again() });
  private readonly order = h('select', { 'aria-label': 'Order', onchange: () => this.again() },
    h('option', { value: 'tree' }, 'As a tree'), h('option', { value: 'load' }, 'Busiest first'), h('option', { value: 'memory' }, 'Fullest first'), h('option', { value: 'sessions' }, 'Most sessions first'));
  private readonly troubled = h('input', { type: 'checkbox', onchange: () => this.again() });
  private readonly summary = h('span', { class: 'summary', role: 'status' });
  private readonly before = h('button', { type: 'button', onclick: () => this.turn(-PAGE) }, 'Previous');
  private readonly after = h('button', { type: 'button', onclick: () => this.turn(PAGE) }, 'Next');
  private readonly pager = h('div', { class: 'pager' }, this.before, this.after);
  private readonly folded = new Set<string>();
  private offset = 0;

  constructor(private readonly page: PageParts) {
    this.table = new Table({
      caption: 'Nodes of the domain', keyOf: ({ node }) => node.name, onOpen: ({ node }) => page.openNode(node.name),
      onRow: (element, { node, now }) => { element.dataset['tone'] = statusOf(now, page.model.clockMs).tone; element.dataset['node'] = node.name; }, columns: this.columns(),
    });
    this.element = h('section', { class: 'card', 'aria-labelledby': 'nodes-title' },
      h('div', { class: 'card-head' }, h('h2', { id: 'nodes-title' }, 'Nodes'), this.summary),
      h('div', { class: 'tools' }, h('label', { class: 'search' }, icon('search'), this.search), this.order, h('label', { class: 'check' }, this.troubled, 'Only those in trouble')), this.table.element, this.pager);
  }

  update(): void {
    this.show();
  }

  private columns(): Column<Row>[] {
    const { model, openNode } = this.page;
    return [
      { title: 'Node', className: 'node-cell', element: ({ node }) => this.nameCell(node), update: (element, row) => this.fillName(element, row) },
      { title: 'Level', text: ({ node }) => printable(node.level), isMinor: true },
      { title: 'Status', element: () => h('span', { class: 'chip' }), update: (element, { now }) => fillStatus(element as HTMLElement, now, model.clockMs) },
      { title: 'Load', element: () => meter(), update: (element, { now }) => fillMeter(element, now ? loadOf(now) : 0, now ? `${number(now.busy)} of ${count(now.capacity)}` : '–') },
      { title: 'Waiting', isNumber: true, text: ({ now }) => now ? count(now.waiting) : '–' },
      { title: 'Requests/s', isNumber: true, isMinor: true, text: ({ now }) => now ? number(now.requestsPerSecond) : '–' },
      { title: 'Latency', isNumber: true, isMinor: true, text: ({ now }) => now && now.latencyMs > 0 ? ms(now.latencyMs) : '–' },
      { title: 'Memory', element: () => meter(), update: (element, { now }) => fillMeter(element, now ? fullnessOf(now) : undefined, now ? bytes(now.memoryUsedBytes) : '–') },
      { title: 'Here', isNumber: true, text: ({ now }) => now ? count(now.resident) : '–' },
      { title: 'Away', isNumber: true, text: ({ now }) => now ? count(now.away) : '–' },
      { title: 'Report', isNumber: true, isMinor: true, text: ({ now }) => now && now.reportedMs > 0 ? `${ago(now.reportedMs, model.clockMs)}` : '–' },
      { title: '', element: ({ node }) => h('button', { type: 'button', class: 'ghost', 'aria-label': `Open ${printable(node.name)}`, onclick: () => openNode(node.name) }, icon('right')), update: () => undefined },
    ];
  }

  private nameCell(node: RegisteredNode): Element {
    const fold = h('button', {
      type: 'button', class: 'fold', onclick: () => {
        if (!this.folded.delete(node.name)) this.folded.add(node.name);
        this.show();
      },
    }, icon('right'));
    return h('span', { class: 'node-name' }, fold, name(node.name));
  }

  private fillName(element: Element, { node, depth, below }: Row): void {
    const isTree = this.isTree;
    (element as HTMLElement).style.setProperty('--depth', String(isTree ? depth : 0));
    const fold = element.firstElementChild as HTMLElement;
    fold.hidden = !isTree;
    fold.classList.toggle('leaf', below === 0);
    fold.setAttribute('aria-expanded', String(!this.folded.has(node.name)));
    fold.setAttribute('aria-label', `${this.folded.has(node.name) ? 'Unfold' : 'Fold'} ${printable(node.name)}`);
    if (below === 0) fold.setAttribute('tabindex', '-1');
  }

  private get isTree(): boolean {
    return this.order.value === 'tree' && this.search.value.trim() === '' && !this.troubled.checked;
  }

  private show(): void {
    const { model } = this.page;
    const rows = this.isTree ? this.asTree() : this.asList();
    if (this.offset >= rows.length) this.offset = 0;
    const shown = rows.slice(this.offset, this.offset + PAGE);
    this.before.disabled = this.offset === 0;
    this.after.disabled = this.offset + PAGE >= rows.length;
    this.pager.hidden = rows.length <= PAGE;
    this.table.show(shown, model.tree.length === 0 ? 'No node has registered yet.' : 'No node is like that.');
    const found = rows.length === model.tree.length ? count(rows.length) : `${count(rows.length)} of ${count(model.tree.length)}`;
    say(this.summary, rows.length > PAGE ? `${count(this.offset + 1)}–${count(this.offset + shown.length)} of ${found}` : found);
  }

  private again(): void {
    this.offset = 0;
    this.show();
  }

  private turn(by: number): void {
    this.offset = Math.max(0, this.offset + by);
    this.show();
    scrollTo({ top: 0 });
  }

  private asTree(): Row[] {
    const { model } = this.page;
    const rows: Row[] = [];
    const add = (node: RegisteredNode, depth: number) => {
      const below = model.children.get(node.name) ?? [];
      rows.push({ node, now: model.now.get(node.name), depth, below: below.length });
      if (!this.folded.has(node.name)) for (const child of below) add(child, depth + 1);
    };
    for (const root of model.children.get(null) ?? []) add(root, 0);
    return rows;
  }

  private asList(): Row[] {
    const { model } = this.page;
    const text = this.search.value.trim().toLowerCase();
    const matches = (node: RegisteredNode) => text === '' || [node.name, node.level, node.id, ...Object.entries(node.labels).map((pair) => pair.join('='))].some((each) => each.toLowerCase().includes(text));
    const rows = model.tree.filter(matches).map((node): Row => ({ node, now: model.now.get(node.name), depth: 0, below: 0 }))
      .filter(({ now }) => !this.troubled.checked || statusOf(now, model.clockMs).tone !== 'good' || (now !== undefined && (loadOf(now) > 0.85 || now.waiting > 0)));
    const weight: Record<Order, (row: Row) => number> = {
      tree: () => 0, load: ({ now }) => now ? loadOf(now) : 0, memory: ({ now }) => now?.memoryUsedBytes ?? 0, sessions: ({ now }) => now?.resident ?? 0,
    };
    const by = weight[this.order.value as Order];
    return rows.sort((left, right) => by(right) - by(left));
  }
}

export function fillStatus(element: HTMLElement, now: NodeNow | undefined, clockMs: number): void {
  const { text, tone } = statusOf(now, clockMs);
  element.dataset['tone'] = tone;
  say(element, text);
}

function meter(): HTMLElement {
  return h('span', { class: 'meter' }, h('i'), h('span'));
}

/** @param share undefined: there is no limit to compare with */
function fillMeter(element: Element, share: number | undefined, text: string): void {
  const bar = element.firstElementChild as HTMLElement;
  (element as HTMLElement).dataset['tone'] = share === undefined ? 'none' : share > 0.85 ? 'bad' : share > 0.65 ? 'warn' : 'good';
  bar.style.setProperty('--share', `${Math.min(100, Math.round((share ?? 0) * 100))}%`);
  say(element.lastElementChild!, text);
}
