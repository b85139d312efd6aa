/** Sessions by the oracle's books: searched and paged there, so that a million of them is no more than fifty here. */
import type { ListedSession } from '../../../runtime/model/oracle-answers.js';
import { h, icon, name, printable, say } from './dom.js';
import { ago, bytes, count, number } from './format.js';
import { locked } from './locked.js';
import type { PageParts, View } from './page-parts.js';
import { type Column, Table } from './table.js';

const PAGE = 50;
const TYPING_MS = 250;
const STATES = { home: 'at home', away: 'away', moving: 'moving' };

export class SessionsView implements View {
  readonly title = 'Sessions';
  readonly element: HTMLElement;
  private readonly table: Table<ListedSession>;
  private readonly search = h('input', { type: 'search', placeholder: 'Part of a session\'s id, or a lid', 'aria-label': 'Search sessions', oninput: () => this.typed() });
  private readonly node = h('select', { 'aria-label': 'Node', onchange: () => this.again() });
  private readonly state = h('select', { 'aria-label': 'State', onchange: () => this.again() }, h('option', { value: '' }, 'Any state'), ...Object.entries(STATES).map(([value, text]) => h('option', { value }, text)));
  private readonly of = h('select', { 'aria-label': 'Function', onchange: () => this.again() });
  private readonly summary = h('span', { class: 'summary', role: 'status' });
  private readonly before = h('button', { type: 'button', onclick: () => this.turn(-PAGE) }, 'Previous');
  private readonly after = h('button', { type: 'button', onclick: () => this.turn(PAGE) }, 'Next');
  private readonly tools: HTMLElement;
  private readonly pager: HTMLElement;
  private readonly lock: HTMLElement;
  private offset = 0;
  private total = 0;
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly page: PageParts) {
    this.table = new Table({ caption: 'Sessions', hasCards: true, keyOf: ({ id }) => id, columns: this.columns(), onRow: (element, { state, id }) => Object.assign(element.dataset, { state, session: id }) });
    this.tools = h('div', { class: 'tools' }, h('label', { class: 'search' }, icon('search'), this.search), this.node, this.state, this.of);
    this.pager = h('div', { class: 'pager' }, this.before, this.after);
    this.lock = locked('Where sessions are is shown to the admin.', page);
    this.element = h('section', { class: 'card', 'aria-labelledby': 'sessions-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'sessions-title' }, 'Sessions'), this.summary), this.lock, this.tools, this.table.element, this.pager);
  }

  enter(query: URLSearchParams): void {
    this.fillChoices();
    if (![...query.keys()].length) return;
    this.search.value = query.get('search') ?? '';
    for (const [select, key] of [[this.node, 'node'], [this.state, 'state'], [this.of, 'function']] as const) {
      const wanted = query.get(key) ?? '';
      // What is not there yet may come with the next report.
      if (![...select.options].some(({ value }) => value === wanted)) select.append(h('option', { value: wanted }, printable(wanted)));
      select.value = wanted;
    }
    this.offset = 0;
  }

  async update(): Promise<void> {
    const { api } = this.page;
    const isOpen = api.isAdmin;
    this.lock.hidden = isOpen;
    for (const element of [this.tools, this.table.element, this.pager, this.summary]) element.hidden = !isOpen;
    if (!isOpen) return;
    this.fillChoices();
    this.asked += 1;
    const turn = this.asked;
    const query = new URLSearchParams({ limit: String(PAGE), offset: String(this.offset) });
    for (const [key, { value }] of [['search', this.search], ['node', this.node], ['state', this.state], ['function', this.of]] as const) if (value.trim() !== '') query.set(key, value.trim());
    const { total, sessions } = await api.get<{ total: number; sessions: ListedSession[] }>(`/api/v1/sessions?${query}`);
    // A slower answer to an older question is none.
    if (turn !== this.asked) return;
    this.total = total;
    if (sessions.length === 0 && this.offset > 0) {
      this.offset = 0;
      return this.update();
    }
    this.table.show(sessions, this.isFiltered ? 'No session is like that.' : 'No node has reported a session yet.');
    say(this.summary, total === 0 ? '' : `${count(this.offset + 1)}–${count(this.offset + sessions.length)} of ${count(total)}`);
    this.before.disabled = this.offset === 0;
    this.after.disabled = this.offset + sessions.length >= total;
    this.pager.hidden = total <= PAGE;
  }

  private get isFiltered(): boolean {
    return [this.search, this.node, this.state, this.of].some(({ value }) => value.trim() !== '');
  }

  private columns(): Column<ListedSession>[] {
    const { openNode, ask, model } = this.page;
    const nodeLink = (node: () => string) => h('button', { type: 'button', class: 'link', onclick: () => openNode(node()) }, h('bdi'));
    const fill = (element: Element, node: string) => say(element.firstElementChild!, printable(node));
    return [
      { title: 'Session', element: ({ id }) => name(id, 'name mono'), update: () => undefined, className: 'session-cell' },
      { title: 'State', element: () => h('span', { class: 'chip' }), update: (element, row) => fillState(element as HTMLElement, row, model.clockMs) },
      { title: 'At', element: (_row, at) => nodeLink(() => at.now().current), update: (element, { current }) => fill(element, current) },
      { title: 'Home', element: (_row, at) => nodeLink(() => at.now().home), update: (element, { home }) => fill(element, home) },
      { title: 'Epoch', isNumber: true, text: ({ epoch }) => count(epoch) },
      { title: 'Size', isNumber: true, text: (row) => bytes(row.bytes) },
      { title: 'Requests/s', isNumber: true, isMinor: true, text: ({ requestsPerSecond }) => number(requestsPerSecond) },
      { title: 'Functions', isMinor: true, text: ({ functions }) => functions.map(printable).join(', ') },
      { title: 'Used', isNumber: true, isMinor: true, text: ({ lastAccessMs }) => `${ago(lastAccessMs, model.clockMs)}` },
      {
        title: '', element: ({ id }) => h('button', { type: 'button', class: 'small', 'aria-label': `Move ${printable(id)}`, onclick: () => ask({ kind: 'migrate', session: id }) }, 'Move'), update: () => undefined,
      },
    ];
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), TYPING_MS);
  }

  private again(): void {
    this.offset = 0;
    void this.update().catch((error: Error) => this.page.note(error.message, 'bad'));
  }

  private turn(by: number): void {
    this.offset = Math.max(0, Math.min(this.offset + by, this.total - 1));
    void this.update().catch((error: Error) => this.page.note(error.message, 'bad'));
  }

  private fillChoices(): void {
    const { tree } = this.page.model;
    fillSelect(this.node, 'Any node', this.page.model.nodeNames());
    fillSelect(this.of, 'Any function', [...new Set(tree.flatMap(({ functions }) => functions))].sort());
  }
}

function fillState(element: HTMLElement, { state, pinnedUntilMs = 0 }: ListedSession, nowMs: number): void {
  element.dataset['tone'] = { home: 'quiet', away: 'accent', moving: 'warn' }[state];
  const isPinned = pinnedUntilMs > nowMs;
  say(element, `${STATES[state]}${isPinned ? ', pinned' : ''}`);
  element.title = isPinned ? `Put there by somebody: no policy moves it for ${ago(nowMs, pinnedUntilMs)}` : '';
}

function fillSelect(select: HTMLSelectElement, first: string, names: readonly string[]): void {
  const key = names.join('\n');
  if (select.dataset['names'] === key) return;
  const { value } = select;
  select.dataset['names'] = key;
  select.replaceChildren(h('option', { value: '' }, first), ...names.map((each) => h('option', { value: each }, printable(each))));
  select.value = names.includes(value) ? value : '';
}
