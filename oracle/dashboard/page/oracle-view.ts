/** How the oracle itself is. */
import { h, replace } from './dom.js';
import { ago, bytes, clock, count, ms, percent, plural } from './format.js';
import type { PageParts, View } from './page-parts.js';

export class OracleView implements View {
  readonly title = 'Oracle';
  readonly element: HTMLElement;
  private readonly facts = h('dl', { class: 'facts' });

  constructor(private readonly page: PageParts) {
    const link = (path: string) => h('li', {}, h('a', { href: path, target: '_blank', rel: 'noopener' }, h('code', {}, path)));
    this.element = h('div', { class: 'stack' },
      h('section', { class: 'card', 'aria-labelledby': 'oracle-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'oracle-title' }, 'Oracle')),
        h('p', { class: 'about' }, 'It is on no request\'s path: nodes serve without it, and a new one learns everything again from their next reports.'), this.facts),
      h('section', { class: 'card', 'aria-labelledby': 'api-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'api-title' }, 'The same as JSON')),
        h('ul', { class: 'plain' }, ...['/api/v1/overview', '/api/v1/nodes', '/api/v1/history', '/api/v1/functions', '/api/v1/policy', '/inventory'].map(link))));
  }

  update(): void {
    const { overview, clockMs, tree } = this.page.model;
    if (!overview) return;
    const { oracle, policy, totals, version, domain } = overview;
    const failed = tree.filter(({ state }) => state === 'failed').length;
    const rows: [string, string][] = [
      ['Domain', domain], ['Version', `${version}, Node.js ${oracle.node}`], ['Started', `${clock(oracle.startedMs)}, ${ago(oracle.startedMs, clockMs)} ago`],
      ['Memory', bytes(oracle.rssBytes)], ['Processor', `${percent(oracle.cpuShare)} of one core`],
      ['Books', `${plural(tree.length, 'node')}${failed > 0 ? `, ${failed} failed` : ''}; ${plural(totals.sessions, 'session')}`],
      ['Queue', `${plural(totals.open, 'open intent')}, ${count(totals.running)} running`],
      ['Policy', `${policy.name}${policy.tookMs === undefined ? '' : `, last look took ${ms(policy.tookMs)}`}`],
      ['Mirror', oracle.mirror], ['Dataset', oracle.dataset ?? 'not recorded'],
    ];
    replace(this.facts, ...rows.flatMap(([title, value]) => [h('dt', {}, title), h('dd', {}, value)]));
  }
}
