/** Functions, where they run, and what their sessions are. */
import type { ListedFunction } from '../../../runtime/model/oracle-answers.js';
import { h, name, printable, say } from './dom.js';
import { bytes, count, number, plural } from './format.js';
import type { PageParts, View } from './page-parts.js';
import { Table } from './table.js';

/** More names than these in one cell nobody reads. */
const NAMED = 8;

export class FunctionsView implements View {
  readonly title = 'Functions';
  readonly element: HTMLElement;
  private readonly table: Table<ListedFunction>;
  private readonly summary = h('span', { class: 'summary' });

  constructor(private readonly page: PageParts) {
    const { go } = page;
    this.table = new Table<ListedFunction>({
      caption: 'Functions of the domain', hasCards: true, keyOf: (row) => row.name, columns: [
        { title: 'Function', className: 'session-cell', element: (row) => name(row.name, 'name mono'), update: () => undefined },
        { title: 'Runs on', className: 'wide', element: () => h('span', { class: 'places' }), update: (element, row) => say(element, this.placesOf(row)) },
        {
          title: 'Sessions', isNumber: true, element: (row) => h('button', { type: 'button', class: 'link', onclick: () => go(`sessions?function=${encodeURIComponent(row.name)}`) }), update: (element, { sessions }) => say(element, count(sessions)),
        },
        { title: 'Size', isNumber: true, text: (row) => bytes(row.bytes) },
        { title: 'Requests/s of sessions', isNumber: true, text: ({ requestsPerSecond }) => number(requestsPerSecond) },
      ],
    });
    this.element = h('section', { class: 'card', 'aria-labelledby': 'functions-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'functions-title' }, 'Functions'), this.summary), this.table.element);
  }

  async update(): Promise<void> {
    const { functions } = await this.page.api.get<{ functions: ListedFunction[] }>('/api/v1/functions');
    this.table.show(functions, 'No function has been deployed yet.');
    say(this.summary, `${functions.length}`);
  }

  private placesOf({ nodes }: ListedFunction): string {
    const all = this.page.model.tree.length;
    if (nodes.length === all && all > 1) return `all ${count(all)} nodes`;
    const named = nodes.slice(0, NAMED).map(printable).join(', ');
    return nodes.length === 0 ? 'nowhere any more' : nodes.length > NAMED ? `${named} and ${plural(nodes.length - NAMED, 'other')}` : named;
  }
}
