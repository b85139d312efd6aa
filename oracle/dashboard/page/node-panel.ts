/** One node, in a panel at the side: what it is, how it is, how it was, and what can be done with it. */
import type { NodeHistory } from '../../../runtime/model/oracle-answers.js';
import { Chart } from './charts.js';
import { h, icon, name, printable, replace, say } from './dom.js';
import { ago, bytes, clock, count, ms, number, percent } from './format.js';
import { fullnessOf, loadOf } from './model.js';
import { fillStatus } from './nodes-view.js';
import type { PageParts } from './page-parts.js';

const KIB = 1024;
const MIB = 1024 * 1024;

export class NodePanel {
  readonly element: HTMLDialogElement;
  private readonly title = h('h2', { id: 'panel-title' });
  private readonly status = h('span', { class: 'chip' });
  private readonly place = h('p', { class: 'about' });
  private readonly now = h('dl', { class: 'facts' });
  private readonly machine = h('dl', { class: 'facts' });
  private readonly health = h('dl', { class: 'facts' });
  private readonly functions = h('p', { class: 'tags' });
  private readonly cordon = h('button', { type: 'button' });
  private readonly sessions = h('button', { type: 'button' }, 'Its sessions');
  private readonly load = new Chart({ title: 'Load', lines: [{ label: 'load', colour: '--line-1', isFilled: true }], value: percent, height: 120 });
  private readonly memory = new Chart({ title: 'Memory of sessions', lines: [{ label: 'memory', colour: '--line-2', isFilled: true }], value: bytes, least: 1000, height: 120 });
  private node: string | undefined;

  constructor(private readonly page: PageParts) {
    const close = h('button', { type: 'button', class: 'ghost close', 'aria-label': 'Close', onclick: () => this.element.close() }, icon('close'));
    this.cordon.addEventListener('click', () => this.askToCordon());
    this.sessions.addEventListener('click', () => {
      const { node } = this;
      this.element.close();
      page.go(`sessions?node=${encodeURIComponent(node ?? '')}`);
    });
    this.element = h('dialog', { class: 'panel', 'aria-labelledby': 'panel-title', onclose: () => { this.node = undefined; }, onclick: (event) => event.target === this.element && this.element.close() },
      h('div', { class: 'panel-body' },
        h('div', { class: 'dialog-head' }, h('div', { class: 'panel-title' }, this.title, this.status), close), this.place, h('div', { class: 'actions' }, this.sessions, this.cordon),
        this.now, this.load.element, this.memory.element, h('h3', {}, 'Functions'), this.functions, h('h3', {}, 'Machine'), this.machine, h('h3', {}, 'Health'), this.health));
  }

  open(node: string): void {
    if (!this.page.model.byName.has(node)) return this.page.note(`There is no node ${printable(node)} any more.`, 'bad');
    this.node = node;
    for (const list of [this.machine, this.health]) replace(list);
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
    void this.update().catch((error: Error) => this.page.note(error.message, 'bad'));
  }

  async update(): Promise<void> {
    const { node, page: { model, api } } = this;
    const known = node === undefined ? undefined : model.byName.get(node);
    if (node === undefined || !known) return;
    this.tellPlace(node);
    const path = `/api/v1/nodes/${encodeURIComponent(node)}`;
    const [history, { capabilities }, { health }] = await Promise.all([
      api.get<NodeHistory>(`/api/v1/history?node=${encodeURIComponent(node)}`),
      api.get<{ capabilities: Record<string, unknown> | null }>(`${path}/capabilities`), api.get<{ health: Record<string, number> | null }>(`${path}/health`),
    ]);
    if (this.node !== node) return;
    const series = history.nodes[node] ?? { load: [], memoryBytes: [] };
    this.load.show(history.atMs, [series.load]);
    this.memory.show(history.atMs, [series.memoryBytes]);
    if (this.machine.childElementCount === 0) fillFacts(this.machine, machineFacts(capabilities));
    fillFacts(this.health, healthFacts(health));
  }

  private tellPlace(node: string): void {
    const { model } = this.page;
    const known = model.byName.get(node)!;
    const now = model.now.get(node);
    replace(this.title, name(node));
    fillStatus(this.status, now, model.clockMs);
    replace(this.place, `${printable(known.level)}${known.parent === null ? ', the root' : ' below '}`, known.parent !== null && h('bdi', {}, printable(known.parent)), ` · ${known.url}`);
    say(this.cordon, now?.accepting === false ? 'Uncordon' : 'Cordon');
    this.cordon.hidden = known.parent === null;
    const fullness = now && fullnessOf(now);
    fillFacts(this.now, now ? [
      ['Load', `${percent(loadOf(now))}: ${number(now.busy)} of ${count(now.capacity)} at once, ${count(now.waiting)} wait`], ['Requests', `${number(now.requestsPerSecond)}/s${now.latencyMs > 0 ? `, mean ${ms(now.latencyMs)}` : ''}`],
      ['Memory', `${bytes(now.memoryUsedBytes)}${fullness === undefined ? ', no limit set' : `, ${percent(fullness)} of ${bytes(now.memoryLimitBytes)}`}`],
      ['Sessions', `${count(now.resident)} here, ${count(now.away)} of its own elsewhere`], ['Last report', now.reportedMs > 0 ? `${ago(now.reportedMs, model.clockMs)} ago` : 'none yet'],
      ['Up since', `${clock(known.registeredMs)}${known.restarts > 0 ? `, restarted ${count(known.restarts)}×` : ''}`], ['Store', known.store || '–'], ['Labels', Object.entries(known.labels).map((pair) => pair.join('=')).join(', ') || '–'],
    ] : []);
    const tags = known.functions.map((each) => name(each, 'tag'));
    if (this.functions.textContent !== tags.map((tag) => tag.textContent).join('')) replace(this.functions, ...(tags.length > 0 ? tags : ['none']));
  }

  private askToCordon(): void {
    const { node, page } = this;
    if (node === undefined) return;
    const kind = page.model.now.get(node)?.accepting === false ? 'uncordon' : 'cordon';
    this.element.close();
    page.ask({ kind, node });
  }
}

function fillFacts(list: HTMLElement, rows: [string, string][]): void {
  const isSame = list.childElementCount === rows.length * 2 && rows.every(([title], index) => list.children[index * 2]!.textContent === title);
  if (isSame) rows.forEach(([, value], index) => say(list.children[index * 2 + 1]!, printable(value)));
  else replace(list, ...rows.flatMap(([title, value]) => [h('dt', {}, title), h('dd', {}, printable(value))]));
}

/** What is not known is left out. */
function machineFacts(told: Record<string, unknown> | null): [string, string][] {
  if (!told) return [['Machine', 'not told yet']];
  const { num_cpus: cpus, num_cores: cores, model_name_cpu: model, mem_size: memory, disk_tot_space: disk, runtimes, num_gpus: gpus, model_name_gpu: gpu, has_tpm: tpm, is_tee_running: tee } = told;
  const rows: [string, string][] = [['Processors', `${String(cpus)} (${String(cores)} cores)${model ? `, ${String(model)}` : ''}`], ['Memory', bytes(Number(memory) * MIB)], ['Disk', bytes(Number(disk) * MIB)]];
  if (Array.isArray(runtimes)) rows.push(['Runtimes', runtimes.join(', ')]);
  if (Number(gpus) > 0) rows.push(['GPUs', `${String(gpus)}, ${String(gpu)}`]);
  if (tpm || tee) rows.push(['Security', [tpm && 'TPM', tee && 'TEE'].filter(Boolean).join(', ')]);
  return rows;
}

function healthFacts(told: Record<string, number> | null): [string, string][] {
  if (!told) return [['Health', 'not told yet']];
  const at = (field: string) => told[field] ?? -1;
  const rows: [string, string, boolean][] = [
    ['Memory free', `${bytes(at('mem_available') * KIB)} of ${bytes((at('mem_available') + at('mem_used')) * KIB)}`, at('mem_available') >= 0],
    ['Process', `${bytes(at('proc_memory') * KIB)}, ${at('proc_cpu_usage')} % of a core`, at('proc_memory') >= 0],
    ['Load average', ['load_avg_1', 'load_avg_5', 'load_avg_15'].map((field) => (at(field) / 100).toFixed(2)).join(' · '), at('load_avg_1') >= 0],
    ['Network', `${bytes(at('tot_rx_bytes'))} in, ${bytes(at('tot_tx_bytes'))} out`, at('tot_rx_bytes') >= 0],
    ['Disk free', bytes(at('disk_free_space')), at('disk_free_space') >= 0],
    ['GPU', `${at('gpu_load_perc')} %, ${at('gpu_temp_cels') / 1000} °C`, at('gpu_load_perc') >= 0],
    ['Power', `${at('active_power') / 1000} W`, at('active_power') >= 0],
  ];
  return rows.filter(([, , isKnown]) => isKnown).map(([title, value]) => [title, value]);
}
