/** Pictures of a measurement as SVG: lines over time, nothing that has to be installed. */
export interface Line {
  name: string;
  points: { x: number; y: number }[];
  /** Drawn as steps: the value holds until the next point. */
  isStepped?: boolean;
}

export interface Plot {
  title: string;
  xName: string;
  yName: string;
  lines: Line[];
  /** Moments worth a mark. */
  marks?: { x: number; name: string }[];
  isLogarithmic?: boolean;
}

const WIDTH = 860;
const HEIGHT = 400;
const BOX = { left: 70, right: 680, top: 45, bottom: 345 };
const COLOURS = ['#c0392b', '#7f8c8d', '#1b6ca8', '#3c896d', '#7d5ba6'];

export function svgOf({ title, xName, yName, lines, marks = [], isLogarithmic = false }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  const mostX = Math.max(1, ...points.map(({ x }) => x), ...marks.map(({ x }) => x));
  const ys = points.map(({ y }) => y).filter((y) => !isLogarithmic || y > 0);
  const [low, high] = isLogarithmic ? [Math.floor(Math.log10(Math.min(...ys))), Math.ceil(Math.log10(Math.max(...ys)))] : [0, niceTop(Math.max(1, ...ys))];
  const x = (value: number) => BOX.left + (BOX.right - BOX.left) * value / mostX;
  const y = (value: number) => BOX.bottom - (BOX.bottom - BOX.top) * ((isLogarithmic ? Math.log10(Math.max(value, 10 ** low)) : value) - low) / (high - low);
  const grid = isLogarithmic ? Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at)) : Array.from({ length: 6 }, (_, at) => high * at / 5);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>', text(BOX.left, 22, title, 15),
    ...grid.map((value) => `${segment(BOX.left, y(value), BOX.right, y(value), '#dddddd')}${text(BOX.left - 8, y(value) + 4, short(value), 12, 'end')}`),
    ...Array.from({ length: 7 }, (_, at) => mostX * at / 6).map((value) => text(x(value), BOX.bottom + 18, short(value), 12, 'middle')),
    text(BOX.left, BOX.top - 8, yName), text((BOX.left + BOX.right) / 2, BOX.bottom + 38, xName, 12, 'middle'),
    ...marks.map((mark, at) => `${segment(x(mark.x), BOX.top, x(mark.x), BOX.bottom, '#e0a030', '4 3')}${text(BOX.right + 12, BOX.bottom - 16 * (marks.length - at) + 12, `${short(mark.x)}: ${mark.name}`)}`),
    ...lines.map((line, at) => {
      const colour = COLOURS[at % COLOURS.length]!;
      return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${pathOf(line, x, y)}"/>`
        + `${segment(BOX.right + 12, BOX.top + 18 * at, BOX.right + 32, BOX.top + 18 * at, colour)}${text(BOX.right + 38, BOX.top + 4 + 18 * at, line.name)}`;
    }),
    '</svg>', '',
  ].join('\n');
}

function pathOf({ points, isStepped }: Line, x: (value: number) => number, y: (value: number) => number): string {
  return points.flatMap((point, at) => {
    const before = points[at - 1];
    const here = `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`;
    return isStepped && before ? [`${x(point.x).toFixed(1)},${y(before.y).toFixed(1)}`, here] : [here];
  }).join(' ');
}

function segment(fromX: number, fromY: number, toX: number, toY: number, colour: string, dashes?: string): string {
  return `<line x1="${fromX.toFixed(1)}" y1="${fromY.toFixed(1)}" x2="${toX.toFixed(1)}" y2="${toY.toFixed(1)}" stroke="${colour}"${dashes ? ` stroke-dasharray="${dashes}"` : ' stroke-width="1.5"'}/>`;
}

function text(x: number, y: number, said: string, size = 12, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" text-anchor="${anchor}">${said.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
}

function short(value: number): string {
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(value >= 1 ? 1 : 2);
}

/** The next of 1, 2, 2.5 and 5 times a power of ten, so that fifths of it are round. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((top) => top >= value)!;
}
