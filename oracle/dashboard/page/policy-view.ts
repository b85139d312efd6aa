/** Which policy decides, by which numbers, and what it has decided. */
import type { Intent } from '../../../runtime/model/oracle-answers.js';
import { h, replace, say } from './dom.js';
import { ago, ms, plural } from './format.js';
import { intentTable } from './intents-view.js';
import { locked } from './locked.js';
import type { PageParts, View } from './page-parts.js';
import type { Table } from './table.js';

interface Policy {
  name: string;
  about: string;
  settings: Record<string, number>;
  decidesFromMs: number;
  lookedMs?: number;
  tookMs?: number;
  decisions?: number;
}

const SETTINGS: Record<string, string> = {
  high: 'load above which a node gives sessions away', target: '… until it is here', low: 'load below which sessions come home', redirect: 'load from which new sessions are born above',
  memoryHigh: 'fullness above which sessions go up', memoryLow: '… until it is here', queueHigh: 'waiting requests for each place that count as a queue', cooldownMs: 'a session is not moved again for so long',
  roamingShare: 'share of requests at one other leaf that re-homes a session', mostMoves: 'moves that one decision may ask for', mostMovesOfNode: '… of one node',
};

export class PolicyView implements View {
  readonly title = 'Policy';
  readonly element: HTMLElement;
  private readonly name = h('h2', { id: 'policy-title' }, 'Policy');
  private readonly about = h('p', { class: 'about' });
  private readonly state = h('p', { class: 'policy-state' });
  private readonly settings = h('dl', { class: 'facts' });
  private readonly table: Table<Intent>;
  private readonly lock: HTMLElement;

  constructor(private readonly page: PageParts) {
    this.table = intentTable(page, 'Decisions of the policy');
    this.lock = locked('Its decisions name sessions: they are shown to the admin.', page);
    this.element = h('div', { class: 'stack' },
      h('section', { class: 'card', 'aria-labelledby': 'policy-title' }, h('div', { class: 'card-head' }, this.name), this.about, this.state, h('details', {}, h('summary', {}, 'Its numbers'), this.settings)),
      h('section', { class: 'card', 'aria-labelledby': 'decisions-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'decisions-title' }, 'Decisions')), this.lock, this.table.element));
  }

  async update(): Promise<void> {
    const { api, model } = this.page;
    const policy = await api.get<Policy>('/api/v1/policy');
    say(this.name, policy.name);
    say(this.about, `${policy.about[0]!.toUpperCase()}${policy.about.slice(1)}.`);
    const { decidesFromMs, lookedMs, tookMs = 0, decisions = 0 } = policy;
    say(this.state, model.clockMs < decidesFromMs ? `It listens first, and decides in ${ago(model.clockMs, decidesFromMs)}.`
      : lookedMs === undefined ? 'It has not looked yet.' : `It looked ${ago(lookedMs, model.clockMs)} ago, in ${ms(tookMs)}: ${decisions === 0 ? 'nothing to do' : plural(decisions, 'decision')}.`);
    if (this.settings.childElementCount === 0) {
      replace(this.settings, ...Object.entries(policy.settings).flatMap(([key, value]) => [h('dt', {}, h('code', {}, key)), h('dd', {}, h('b', {}, key.endsWith('Ms') ? ms(value) : String(value)), ` ${SETTINGS[key] ?? ''}`)]));
    }
    this.lock.hidden = api.isAdmin;
    this.table.element.hidden = !api.isAdmin;
    if (!api.isAdmin) return;
    const { intents } = await api.get<{ intents: Intent[] }>('/api/v1/intents?by=policy&limit=200');
    this.table.show(intents, policy.name === 'none' ? 'This policy moves nothing.' : 'It has found nothing to do since the oracle was started.');
  }
}
