/** The queue of intents, and what became of those that ended. */
import type { Intent } from '../../../runtime/model/oracle-answers.js';
import { h, icon, name, printable, say } from './dom.js';
import { ago, ms, wishText } from './format.js';
import { locked } from './locked.js';
import type { PageParts, View } from './page-parts.js';
import { type Column, Table } from './table.js';

const SHOWN = 200;

export class IntentsView implements View {
  readonly title = 'Intents';
  readonly element: HTMLElement;
  private readonly table: Table<Intent>;
  private readonly state = h('select', { 'aria-label': 'State', onchange: () => void this.update() }, ...['', 'waiting', 'running', 'done', 'refused'].map((value) => h('option', { value }, value || 'Any state')));
  private readonly by = h('select', { 'aria-label': 'By', onchange: () => void this.update() }, ...['', 'operator', 'policy', 'mirror'].map((value) => h('option', { value }, value ? `By the ${value}` : 'By anybody')));
  private readonly summary = h('span', { class: 'summary', role: 'status' });
  private readonly tools: HTMLElement;
  private readonly lock: HTMLElement;

  constructor(private readonly page: PageParts) {
    this.table = intentTable(page, 'Intents');
    this.tools = h('div', { class: 'tools' }, this.state, this.by, h('button', { type: 'button', class: 'primary push', onclick: () => page.ask() }, icon('plus'), 'New intent'));
    this.lock = locked('What was asked for, and what became of it, is shown to the admin.', page);
    this.element = h('section', { class: 'card', 'aria-labelledby': 'intents-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'intents-title' }, 'Intents'), this.summary),
      h('p', { class: 'about' }, 'Every wish to change placement goes through one queue: the policy\'s, an operator\'s, and those that tools write into the mirror.'), this.lock, this.tools, this.table.element);
  }

  async update(): Promise<void> {
    const { api } = this.page;
    this.lock.hidden = api.isAdmin;
    for (const element of [this.tools, this.table.element, this.summary]) element.hidden = !api.isAdmin;
    if (!api.isAdmin) return;
    const query = new URLSearchParams({ limit: String(SHOWN), ...(this.state.value && { state: this.state.value }), ...(this.by.value && { by: this.by.value }) });
    const { intents, total } = await api.get<{ intents: Intent[]; total: number }>(`/api/v1/intents?${query}`);
    this.table.show(intents, 'Nobody has asked for anything like that.');
    say(this.summary, total > intents.length ? `the first ${intents.length} of ${total}` : total > 0 ? `${total}` : '');
  }
}

export function intentTable({ model, openNode, go }: PageParts, caption: string): Table<Intent> {
  const subject = ({ wish }: Intent) => wish.kind === 'migrate'
    ? h('button', { type: 'button', class: 'link', onclick: () => go(`sessions?search=${encodeURIComponent(wish.session)}`) }, name(wish.session, 'name mono'))
    : h('button', { type: 'button', class: 'link', onclick: () => openNode(wish.node) }, name(wish.node));
  const columns: Column<Intent>[] = [
    { title: 'What', text: ({ wish }) => wish.kind, className: 'kind' },
    { title: 'Of', element: subject, update: () => undefined, className: 'session-cell' },
    { title: 'To', text: ({ wish }) => wish.kind === 'migrate' ? printable(wishText(wish).replace(/^to /, '')) : '' },
    { title: 'By', text: ({ by }) => by },
    { title: 'State', element: () => h('span', { class: 'chip' }), update: (element, intent) => fillIntentState(element as HTMLElement, intent) },
    { title: 'Reason and answer', element: () => h('span', {}, h('span', {}), h('small', {})), update: fillWords, className: 'words' },
    { title: 'Took', isNumber: true, isMinor: true, text: ({ startedMs, endedMs }) => startedMs !== undefined && endedMs !== undefined ? ms(endedMs - startedMs) : '' },
    { title: 'Asked', isNumber: true, text: ({ createdMs }) => ago(createdMs, model.clockMs) },
  ];
  return new Table({ caption, hasCards: true, keyOf: ({ id }) => id, columns, onRow: (element, { state, id }) => Object.assign(element.dataset, { state, intent: id }) });
}

export function fillIntentState(element: HTMLElement, { state }: Intent): void {
  element.dataset['tone'] = { waiting: 'quiet', running: 'warn', done: 'good', refused: 'bad' }[state];
  say(element, state);
}

function fillWords(element: Element, { reason, answer }: Intent): void {
  say(element.firstElementChild!, printable(answer ?? reason));
  say(element.lastElementChild!, answer === undefined ? '' : printable(reason));
}
