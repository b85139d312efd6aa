/** In the place of what needs the admin's password. */
import { h, icon } from './dom.js';
import type { PageParts } from './page-parts.js';

export function locked(what: string, { signIn }: Pick<PageParts, 'signIn'>): HTMLElement {
  return h('div', { class: 'locked' }, icon('key'), h('p', {}, what), h('button', { type: 'button', class: 'primary', onclick: () => void signIn() }, 'Sign in'));
}
