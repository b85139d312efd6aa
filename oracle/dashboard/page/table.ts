/** A table whose rows stay the same elements while what they say changes: focus, selection and scrolling live on. */
import { type Child, h, say } from './dom.js';

export interface Column<T> {
  title: string;
  /** Text that may change, or an element that is made once a row. */
  text?(row: T): string;
  element?(row: T, at: { now: () => T }): Element;
  /** Changes an element of `element` that is there already. */
  update?(element: Element, row: T): void;
  isNumber?: boolean;
  /** Left out where the screen is small. */
  isMinor?: boolean;
  className?: string;
}

interface Line<T> {
  row: T;
  element: HTMLTableRowElement;
  cells: (Element | undefined)[];
}

export class Table<T> {
  readonly element: HTMLElement;
  private readonly body = h('tbody');
  private readonly empty = h('p', { class: 'empty' });
  private lines = new Map<string, Line<T>>();

  constructor(private readonly parts: { caption: string; columns: Column<T>[]; keyOf(row: T): string; onOpen?(row: T): void; onRow?(element: HTMLTableRowElement, row: T): void; hasCards?: boolean }) {
    const heads = parts.columns.map(({ title, ...column }) => h('th', { scope: 'col', class: classOf(column) }, title));
    this.element = h('div', { class: parts.hasCards ? 'table-wrap cards' : 'table-wrap' }, h('table', {}, h('caption', { class: 'unseen' }, parts.caption), h('thead', {}, h('tr', {}, ...heads)), this.body), this.empty);
  }

  show(rows: readonly T[], emptyText: string): void {
    say(this.empty, rows.length === 0 ? emptyText : '');
    this.empty.hidden = rows.length > 0;
    const before = this.lines;
    this.lines = new Map();
    for (const row of rows) {
      const key = this.parts.keyOf(row);
      const line = before.get(key) ?? this.make(row);
      before.delete(key);
      this.lines.set(key, line);
      this.fill(line, row);
    }
    for (const { element } of before.values()) element.remove();
    let at = this.body.firstElementChild;
    for (const { element } of this.lines.values()) {
      if (element === at) at = at.nextElementSibling;
      else this.body.insertBefore(element, at);
    }
  }

  private make(row: T): Line<T> {
    const line: Line<T> = { row, element: h('tr'), cells: [] };
    line.cells = this.parts.columns.map((column) => column.element?.(row, { now: () => line.row }));
    const cells: Child[] = this.parts.columns.map((column, index) => h('td', { class: classOf(column), 'data-title': column.title }, line.cells[index]));
    line.element.append(...cells as Node[]);
    const { onOpen } = this.parts;
    if (onOpen) {
      line.element.classList.add('opens');
      line.element.addEventListener('click', (event) => {
        const isText = String(getSelection()) !== '' || (event.target as Element).closest('button, a, input');
        if (!isText) onOpen(line.row);
      });
    }
    return line;
  }

  private fill(line: Line<T>, row: T): void {
    line.row = row;
    this.parts.columns.forEach(({ text, update }, index) => {
      if (text) say(line.element.cells[index]!, text(row));
      else if (update) update(line.cells[index]!, row);
    });
    this.parts.onRow?.(line.element, row);
  }
}

function classOf({ isNumber, isMinor, className }: { isNumber?: boolean; isMinor?: boolean; className?: string }): string {
  return [isNumber && 'number', isMinor && 'minor', className].filter(Boolean).join(' ');
}
