/**
 * The tree as a picture: each node spans what lies below it, its colour is its load. Moves fly from cell to cell. One
 * cell is in the tab order; the arrow keys go up, down and to the side.
 */
import type { RegisteredNode } from '../../../runtime/model/oracle-answers.js';
import { h, printable, say } from './dom.js';
import { bytes, number, percent, plural } from './format.js';
import { fullnessOf, loadOf, type Model, statusOf } from './model.js';
import type { Flow, NodeNow } from './types.js';

const FLIGHT_MS = 1100;
const MOST_FLIGHTS = 40;
/** Widths of a cell, in pixels, below which it says less. */
const SAYS_ALL = 132;
const SAYS_NAME = 54;
/** Siblings without children that would be narrower than this are packed into a square below their parent. */
const PACKED = 15;

interface Cell {
  node: RegisteredNode;
  element: HTMLButtonElement;
  status: HTMLElement;
  facts: HTMLElement;
  load: HTMLElement;
  memory: HTMLElement;
  from: number;
  share: number;
  shown: string;
}

/** Siblings that all have nobody below them. */
interface Group {
  cells: Cell[];
  depth: number;
  from: number;
  share: number;
}

export class Canopy {
  readonly element: HTMLElement;
  private readonly sky = h('div', { class: 'flights', 'aria-hidden': 'true' });
  private readonly rows = h('div', { class: 'canopy-rows' });
  private readonly cells = new Map<string, Cell>();
  private groups: Group[] = [];
  private focused: string | undefined;
  private flights = 0;
  private readonly calm = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(private readonly model: Model, private readonly open: (node: string) => void) {
    this.element = h('div', { class: 'canopy', role: 'group', 'aria-label': 'The tree of nodes; arrow keys go from node to node', onkeydown: (event) => this.steer(event as KeyboardEvent) }, this.rows, this.sky);
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  /** The tree is another one. */
  rebuild(): void {
    // Whoever is here with the keyboard stays where they are.
    const hasFocus = this.rows.contains(document.activeElement);
    this.cells.clear();
    this.groups = [];
    const levels: HTMLElement[][] = [];
    const place = (node: RegisteredNode, depth: number, from: number, share: number) => {
      const cell = this.cell(node, from, share);
      (levels[depth] ??= []).push(cell.element);
      const below = this.model.children.get(node.name) ?? [];
      const total = below.reduce((sum, child) => sum + this.leavesOf(child), 0);
      let at = from;
      for (const child of below) {
        const width = share * this.leavesOf(child) / total;
        place(child, depth + 1, at, width);
        at += width;
      }
      if (below.length > 1 && below.every(({ name }) => !this.model.children.has(name))) this.groups.push({ cells: below.map(({ name }) => this.cells.get(name)!), depth: depth + 1, from, share });
    };
    this.leaves.clear();
    const roots = this.model.children.get(null) ?? [];
    roots.forEach((root, index) => place(root, 0, index / roots.length, 1 / roots.length));
    this.rows.replaceChildren(...levels.map((cells) => h('div', { class: 'canopy-row' }, ...cells)));
    this.element.classList.toggle('dense', this.cells.size > 200);
    const first = this.focused !== undefined && this.cells.has(this.focused) ? this.focused : this.model.tree[0]?.name;
    if (first !== undefined) this.takeFocus(first, hasFocus);
    this.fit();
    this.update();
  }

  update(): void {
    for (const cell of this.cells.values()) this.fill(cell, this.model.now.get(cell.node.name));
  }

  fly(flows: readonly Flow[]): void {
    for (const [index, flow] of flows.entries()) {
      const [from, to] = [this.cells.get(flow.from), this.cells.get(flow.to)];
      if (!from || !to || flow.result !== 'done' || this.flights >= MOST_FLIGHTS) continue;
      if (this.calm.matches) this.flash(to);
      else this.flight(from, to, Math.min(index * 60, 1500));
    }
  }

  private readonly leaves = new Map<string, number>();

  private leavesOf(node: RegisteredNode): number {
    const known = this.leaves.get(node.name);
    if (known !== undefined) return known;
    const below = this.model.children.get(node.name) ?? [];
    const found = below.length === 0 ? 1 : below.reduce((sum, child) => sum + this.leavesOf(child), 0);
    this.leaves.set(node.name, found);
    return found;
  }

  private cell(node: RegisteredNode, from: number, share: number): Cell {
    const [load, memory] = [h('i', { class: 'bar-load' }), h('i', { class: 'bar-memory' })];
    const [status, facts] = [h('span', { class: 'cell-status' }), h('span', { class: 'cell-facts' })];
    const element = h('button', { class: 'cell', type: 'button', tabindex: -1, onclick: () => this.open(node.name), onfocus: () => this.takeFocus(node.name, false) },
      h('span', { class: 'cell-name' }, h('bdi', {}, printable(node.name))), status, facts, h('span', { class: 'bars' }, load, memory));
    const cell = { node, element, status, facts, load, memory, from, share, shown: '' };
    position(cell, from, share);
    this.cells.set(node.name, cell);
    return cell;
  }

  private fill(cell: Cell, now: NodeNow | undefined): void {
    const { node, element, load, memory, facts, status } = cell;
    const { text, tone } = statusOf(now, this.model.clockMs);
    const share = now ? loadOf(now) : 0;
    const fullness = now && fullnessOf(now);
    const line = now ? `${plural(now.resident, 'session')}${now.waiting > 0 ? ` · ${now.waiting} wait` : ''} · ${number(now.requestsPerSecond)}/s` : '';
    const shown = `${tone}|${text}|${share.toFixed(3)}|${fullness?.toFixed(3)}|${line}`;
    if (shown === cell.shown) return;
    cell.shown = shown;
    element.dataset['tone'] = tone;
    element.style.setProperty('--load', `${Math.round(Math.min(1, share) * 100)}%`);
    element.classList.toggle('hot', share > 0.85);
    load.style.setProperty('--share', percentWidth(share));
    memory.style.setProperty('--share', percentWidth(fullness ?? 0));
    memory.parentElement!.classList.toggle('has-limit', fullness !== undefined);
    say(facts, line);
    say(status, tone === 'good' ? '' : text);
    const title = `${printable(node.name)} (${printable(node.level)}), ${text}; load ${percent(share)}, ${line}${now ? `, ${bytes(now.memoryUsedBytes)}` : ''}`;
    element.setAttribute('aria-label', title);
    element.title = title;
  }

  /** Small cells say less. */
  private fit(): void {
    const width = this.element.clientWidth;
    if (width === 0) return;
    for (const { element, share } of this.cells.values()) {
      const size = share * width;
      element.dataset['size'] = size >= SAYS_ALL ? 'l' : size >= SAYS_NAME ? 'm' : 's';
    }
    const tall = new Map<number, number>();
    for (const group of this.groups) tall.set(group.depth, Math.max(tall.get(group.depth) ?? 0, pack(group, width)));
    [...this.rows.children].forEach((row, depth) => (row as HTMLElement).style.setProperty('--tall', tall.get(depth) ? `${tall.get(depth)! * PACKED}px` : ''));
  }

  private flight(from: Cell, to: Cell, delayMs: number): void {
    const sky = this.sky.getBoundingClientRect();
    const centre = ({ element }: Cell) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: left - sky.left + width / 2, y: top - sky.top + height / 2 };
    };
    const [start, end] = [centre(from), centre(to)];
    const dot = h('span', { class: 'flight' });
    this.sky.append(dot);
    this.flights += 1;
    const lift = Math.min(60, Math.hypot(end.x - start.x, end.y - start.y) / 4);
    const middle = { x: (start.x + end.x) / 2 + lift, y: (start.y + end.y) / 2 };
    const at = ({ x, y }: { x: number; y: number }, scale: number) => `translate(${x}px, ${y}px) scale(${scale})`;
    const animation = dot.animate(
      [{ transform: at(start, 0.2), opacity: 0 }, { transform: at(start, 1), opacity: 1, offset: 0.1 }, { transform: at(middle, 1.25), opacity: 1, offset: 0.55 }, { transform: at(end, 0.5), opacity: 0.1 }],
      { duration: FLIGHT_MS, delay: delayMs, easing: 'cubic-bezier(.45,.05,.35,1)', fill: 'backwards' },
    );
    animation.onfinish = () => {
      dot.remove();
      this.flights -= 1;
      this.flash(to);
    };
  }

  private flash({ element }: Cell): void {
    element.animate([{ outlineColor: 'var(--accent)', outlineOffset: '-3px' }, { outlineColor: 'transparent', outlineOffset: '-3px' }], { duration: 900 });
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────

  private steer(event: KeyboardEvent): void {
    const node = this.focused === undefined ? undefined : this.model.byName.get(this.focused);
    if (!node) return;
    const siblings = this.peersOf(node);
    const at = siblings.findIndex(({ name }) => name === node.name);
    const next = { ArrowUp: node.parent, ArrowDown: this.model.children.get(node.name)?.[0]?.name, ArrowLeft: siblings[at - 1]?.name, ArrowRight: siblings[at + 1]?.name, Home: this.model.tree[0]?.name }[event.key];
    if (next === undefined || next === null) return;
    event.preventDefault();
    this.takeFocus(next, true);
  }

  /** All nodes of the same depth, from left to right. */
  private peersOf(node: RegisteredNode): RegisteredNode[] {
    if (node.parent === null) return this.model.children.get(null) ?? [];
    const above = this.model.byName.get(node.parent);
    return above ? this.peersOf(above).flatMap(({ name }) => this.model.children.get(name) ?? []) : [];
  }

  private takeFocus(name: string, really: boolean): void {
    if (this.focused !== undefined) this.cells.get(this.focused)?.element.setAttribute('tabindex', '-1');
    this.focused = name;
    const element = this.cells.get(name)?.element;
    element?.setAttribute('tabindex', '0');
    if (really) element?.focus();
  }
}

function position({ element }: Cell, from: number, share: number, top?: number): void {
  element.style.left = `${from * 100}%`;
  element.style.width = `${share * 100}%`;
  element.style.top = top === undefined ? '' : `${top}px`;
  element.style.height = top === undefined ? '' : `${PACKED}px`;
}

/** @returns how many rows the group needs; 0 when there is room for it in one. */
function pack({ cells, from, share }: Group, width: number): number {
  const columns = Math.max(1, Math.floor(share * width / PACKED));
  if (columns >= cells.length) {
    for (const cell of cells) position(cell, cell.from, cell.share);
    return 0;
  }
  cells.forEach((cell, index) => {
    cell.element.dataset['size'] = 's';
    position(cell, from + index % columns / columns * share, share / columns, Math.floor(index / columns) * PACKED);
  });
  return Math.ceil(cells.length / columns);
}

function percentWidth(share: number): string {
  return `${Math.round(Math.min(1, share) * 1000) / 10}%`;
}
