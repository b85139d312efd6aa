/** Moves of late: to the admin with session, reason and result; to everybody from where to where. */
import type { Move } from '../../../runtime/model/oracle-answers.js';
import { h, icon, name, say } from './dom.js';
import { clock, ms } from './format.js';
import type { PageParts } from './page-parts.js';
import type { Flow } from './types.js';

const SHOWN = 60;
const BY = { policy: 'policy', operator: 'operator', mirror: 'mirror', node: 'node' };

export class MovesList {
  readonly element: HTMLElement;
  private readonly list = h('ol', { class: 'moves' });
  private readonly hint = h('p', { class: 'hint' });
  private shown = '';

  constructor(private readonly page: PageParts) {
    const unlock = h('button', { type: 'button', class: 'link', onclick: () => void page.signIn() }, 'Sign in');
    this.hint.append(unlock, ' to see sessions and reasons.');
    this.element = h('div', { class: 'moves-box' }, this.list, this.hint);
  }

  async update(): Promise<void> {
    const { api, model } = this.page;
    this.hint.hidden = api.isAdmin;
    const flows: (Flow | Move)[] = (model.overview?.flows ?? []).map(([number, atMs, from, to, result]) => ({ number, atMs, from, to, result }));
    const newest = flows[0]?.number ?? 0;
    const key = `${api.isAdmin}|${newest}|${model.overview?.oracle.startedMs}`;
    if (key === this.shown) return;
    const moves = api.isAdmin && newest > 0 ? (await api.get<{ moves: Move[] }>(`/api/v1/moves?after=${Math.max(0, newest - SHOWN)}`)).moves : flows.slice(0, SHOWN);
    this.shown = key;
    if (moves.length === 0) this.list.replaceChildren(h('li', { class: 'empty' }, 'Nothing has moved since the oracle was started.'));
    else this.list.replaceChildren(...moves.map((move) => row(move, this.page)));
  }
}

function row(move: Flow | Move, { openNode, go }: PageParts): HTMLElement {
  const nodeLink = (node: string) => h('button', { type: 'button', class: 'link node-link', onclick: () => openNode(node) }, h('bdi', {}, node));
  const path = h('span', { class: 'path' }, nodeLink(move.from), icon('arrow'), nodeLink(move.to));
  const time = h('time', { datetime: new Date(move.atMs).toISOString() }, clock(move.atMs));
  if (!('session' in move)) return h('li', { class: 'move', 'data-result': move.result }, h('div', { class: 'move-line' }, path, time));
  const session = h('button', { type: 'button', class: 'link session-link', onclick: () => go(`sessions?search=${encodeURIComponent(move.session)}`) }, name(move.session));
  const detail = h('p', { class: 'reason' });
  const took = move.tookMs === undefined ? '' : `, ${ms(move.tookMs)}`;
  say(detail, move.result === 'done' ? `${BY[move.by]}: ${move.reason}${took}` : `refused: ${move.answer ?? ''} (${BY[move.by]}: ${move.reason})`);
  return h('li', { class: 'move', 'data-result': move.result }, h('div', { class: 'move-line' }, session, time), path, detail);
}
