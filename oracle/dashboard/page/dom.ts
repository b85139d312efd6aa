/** Elements by hand. Text is only ever text: nothing that a node says can become markup. */

export type Child = Node | string | number | undefined | false;
type Listener = (event: Event) => void;

export interface Attributes {
  [name: string]: string | number | boolean | undefined | Listener;
}

const SVG = 'http://www.w3.org/2000/svg';

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  return filled(document.createElementNS(SVG, tag) as SVGElement, attributes, children);
}

/** A foreign name: what would steer the page's text is shown as a mark, and its direction ends where it ends. */
export function name(text: string, className = 'name'): HTMLElement {
  return h('bdi', { class: className, title: printable(text) }, printable(text));
}

export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '\uFFFD');
}

/** Changes the text only when it is another, so that a selection in it lives on. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...nodesOf(children));
}

/** A small picture from the page's own set. */
export function icon(kind: keyof typeof ICONS): SVGElement {
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: ICONS[kind] }));
}

const ICONS = {
  close: 'M4 4l8 8M12 4l-8 8',
  right: 'M6 3.5L10.5 8 6 12.5',
  arrow: 'M2.5 8h10M9 4.5L12.5 8 9 11.5',
  key: 'M5 7.2V5a3 3 0 0 1 6 0v2.2M3.5 7.2h9v6.3h-9z',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8L14 14',
  plus: 'M8 3v10M3 8h10',
  pin: 'M8 9.5V14M5 2.5h6l-.8 4 2 3H3.8l2-3z',
} as const;

function filled<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(key.replace(/^on/, ''), value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...nodesOf(children));
  return element;
}

function nodesOf(children: Child[]): (Node | string)[] {
  return children.filter((child) => child !== undefined && child !== false).map((child) => typeof child === 'number' ? String(child) : child as Node | string);
}
