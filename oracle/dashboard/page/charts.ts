/** Lines over time, drawn by uPlot in the page's own colours. */
import uPlot from 'uplot';
import type { Series } from '../../../runtime/model/oracle-answers.js';
import { h, printable } from './dom.js';

export interface Line {
  label: string;
  /** Name of a colour of the page, `--…`. */
  colour: string;
  isFilled?: boolean;
}

export interface ChartParts {
  title: string;
  lines: Line[];
  /** What a value is called on the axis and below the pointer. */
  value(value: number): string;
  /** The axis goes at least so far up. */
  least?: number;
  height?: number;
}

export const LINE_COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6', '--line-7', '--line-8'];

export class Chart {
  readonly element: HTMLElement;
  private readonly box = h('div', { class: 'chart-box' });
  private readonly legend = h('div', { class: 'legend' });
  private plot: uPlot | undefined;
  private data: uPlot.AlignedData = [[]];

  constructor(private readonly parts: ChartParts) {
    this.element = h('figure', { class: 'chart' }, h('figcaption', {}, h('span', { class: 'chart-title' }, parts.title), this.legend), this.box);
    new ResizeObserver(() => this.size()).observe(this.box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    this.tell(undefined);
  }

  get lines(): Line[] {
    return this.parts.lines;
  }

  /** Other lines: the chart begins anew. */
  setLines(lines: Line[]): void {
    if (JSON.stringify(lines) === JSON.stringify(this.parts.lines)) return;
    this.parts.lines = lines;
    this.draw();
  }

  show(atMs: readonly number[], series: readonly Series[]): void {
    this.data = [atMs.map((ms) => ms / 1000), ...series.map((values) => [...values])];
    if (this.plot && this.plot.series.length === this.data.length) this.plot.setData(this.data);
    else this.draw();
    if (!this.plot || this.plot.cursor.idx === null || this.plot.cursor.idx === undefined) this.tell(undefined);
  }

  private draw(): void {
    this.plot?.destroy();
    this.plot = undefined;
    if (this.box.clientWidth === 0 || this.data.length !== this.parts.lines.length + 1) return;
    const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour('--quiet'), font: '11px system-ui, sans-serif', ticks: { show: false }, grid: { stroke: colour('--hair'), width: 1 } };
    const { lines, value, least = 1, height = 150 } = this.parts;
    this.plot = new uPlot({
      width: this.box.clientWidth, height, padding: [8, 18, 0, 0], legend: { show: false }, cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(least, (high ?? 0) * 1.1)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 70, values: [[3600, '{HH}:{mm}', null, null, null, null, null, null, 1], [60, '{HH}:{mm}', null, null, null, null, null, null, 1], [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] },
        { ...axis, size: 58, space: 34, values: (_plot, splits) => splits.map((each) => value(each)) },
      ],
      series: [{}, ...lines.map((line): uPlot.Series => ({
        label: line.label, stroke: colour(line.colour), width: 1.75, spanGaps: false, points: { show: false },
        ...(line.isFilled && { fill: `${colour(line.colour)}1f` }),
      }))],
      hooks: { setCursor: [(plot) => this.tell(plot.cursor.idx ?? undefined)] },
    }, this.data, this.box);
    this.tell(undefined);
  }

  /** Values at the pointer, else the newest. */
  private tell(index: number | undefined): void {
    const { lines, value } = this.parts;
    const at = index ?? this.data[0].length - 1;
    this.legend.replaceChildren(...lines.map(({ label, colour }, line) => {
      const found = this.data[line + 1]?.[at];
      const swatch = h('i', { class: 'swatch' });
      swatch.style.background = `var(${colour})`;
      return h('span', { class: 'key' }, swatch, lines.length > 1 && h('bdi', {}, printable(label)), h('b', {}, found === null || found === undefined ? '–' : value(found)));
    }));
  }

  private size(): void {
    if (!this.plot) this.draw();
    else if (this.box.clientWidth > 0) this.plot.setSize({ width: this.box.clientWidth, height: this.parts.height ?? 150 });
  }
}
