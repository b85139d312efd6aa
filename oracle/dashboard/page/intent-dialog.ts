/** A new intent: what, of whom, where to; its end is shown in the place where it was asked for. */
import type { Intent, ListedSession, Wish } from '../../../runtime/model/oracle-answers.js';
import { h, icon, printable, replace, say } from './dom.js';
import { fillIntentState } from './intents-view.js';
import type { PageParts } from './page-parts.js';

type Kind = Wish['kind'];

const KINDS: Record<Kind, string> = { migrate: 'Move a session', cordon: 'Cordon a node', uncordon: 'Uncordon a node' };
const ABOUT: Record<Kind, string> = {
  migrate: 'To a node on the path from its home to the root; to any other node if that becomes its home. No policy moves it for ten minutes.',
  cordon: 'The node takes no more sessions; new ones are born above it. No policy changes that.', uncordon: 'The node takes sessions again.',
};

export class IntentDialog {
  readonly element: HTMLDialogElement;
  private readonly kinds: HTMLInputElement[];
  private readonly session = h('input', { id: 'intent-session', autocomplete: 'off', list: 'intent-sessions', spellcheck: 'false', oninput: () => void this.suggest() });
  private readonly sessions = h('datalist', { id: 'intent-sessions' });
  private readonly node = h('input', { id: 'intent-node', autocomplete: 'off', list: 'intent-nodes', required: true, spellcheck: 'false' });
  private readonly nodes = h('datalist', { id: 'intent-nodes' });
  private readonly nodeLabel = h('label', { for: 'intent-node' }, 'To');
  private readonly rehome = h('input', { id: 'intent-rehome', type: 'checkbox' });
  private readonly reason = h('input', { id: 'intent-reason', autocomplete: 'off', maxlength: 200 });
  private readonly about = h('p', { class: 'hint' });
  private readonly outcome = h('div', { class: 'outcome', role: 'status' });
  private readonly send = h('button', { type: 'submit', class: 'primary' }, 'Ask for it');
  private readonly ofSession: HTMLElement;
  private readonly asHome: HTMLElement;

  constructor(private readonly page: PageParts) {
    this.kinds = Object.keys(KINDS).map((kind) => h('input', { type: 'radio', name: 'kind', value: kind, onchange: () => this.fit() }));
    this.ofSession = h('div', { class: 'field' }, h('label', { for: 'intent-session' }, 'Session'), this.session, this.sessions);
    this.asHome = h('label', { class: 'check', for: 'intent-rehome' }, this.rehome, 'It becomes its home');
    const close = h('button', { type: 'button', class: 'ghost close', 'aria-label': 'Close', onclick: () => this.element.close() }, icon('close'));
    const form = h('form', { onsubmit: (event) => void this.submit(event) },
      h('div', { class: 'dialog-head' }, h('h2', { id: 'intent-title' }, 'New intent'), close),
      h('fieldset', { class: 'segments' }, h('legend', { class: 'unseen' }, 'What'), ...this.kinds.map((radio) => h('label', {}, radio, h('span', {}, KINDS[radio.value as Kind])))),
      this.about, this.ofSession, h('div', { class: 'field' }, this.nodeLabel, this.node, this.nodes), this.asHome,
      h('div', { class: 'field' }, h('label', { for: 'intent-reason' }, 'Reason ', h('small', {}, 'for whoever reads the list')), this.reason), this.outcome, h('div', { class: 'dialog-foot' }, this.send));
    this.element = h('dialog', { class: 'wide', 'aria-labelledby': 'intent-title' }, form);
  }

  async open({ kind = 'migrate', session = '', node = '' }: { kind?: Kind; session?: string; node?: string } = {}): Promise<void> {
    if (!await this.page.signIn()) return;
    for (const radio of this.kinds) radio.checked = radio.value === kind;
    Object.assign(this.session, { value: session });
    Object.assign(this.node, { value: node });
    this.reason.value = '';
    this.rehome.checked = false;
    replace(this.outcome);
    replace(this.nodes, ...this.page.model.nodeNames().map((each) => h('option', { value: each })));
    this.fit();
    this.element.showModal();
    (kind === 'migrate' && session === '' ? this.session : node === '' ? this.node : this.send).focus();
  }

  private get kind(): Kind {
    return (this.kinds.find(({ checked }) => checked)?.value ?? 'migrate') as Kind;
  }

  private fit(): void {
    const isMove = this.kind === 'migrate';
    this.ofSession.hidden = this.asHome.hidden = !isMove;
    this.session.required = isMove;
    say(this.nodeLabel, isMove ? 'To' : 'Node');
    say(this.about, ABOUT[this.kind]);
  }

  private async suggest(): Promise<void> {
    const text = this.session.value.trim();
    if (text === '') return;
    const found = await this.page.api.get<{ sessions: ListedSession[] }>(`/api/v1/sessions?limit=12&search=${encodeURIComponent(text)}`).catch(() => ({ sessions: [] }));
    if (this.session.value.trim() === text) replace(this.sessions, ...found.sessions.map(({ id, current }) => h('option', { value: id, label: `at ${printable(current)}` })));
  }

  private async submit(event: Event): Promise<void> {
    event.preventDefault();
    const { kind } = this;
    const [session, node, reason] = [this.session.value, this.node.value.trim(), this.reason.value.trim()];
    this.send.disabled = true;
    this.tell('running', 'It waits for its turn …');
    try {
      const wish = kind === 'migrate' ? { kind, session, to: node, ...(this.rehome.checked && { rehome: true }) } : { kind, node };
      const intent = await this.page.api.post<Intent>('/api/v1/intents?wait=30', { ...wish, ...(reason && { reason }) });
      this.tell(intent.state, intent.answer ?? 'It goes on; the list of intents will say how it ends.', intent);
      if (intent.state === 'done') this.page.note(`${kind === 'migrate' ? `${session}: ` : `${node}: `}${intent.answer ?? 'done'}`, 'good');
    } catch (error) {
      this.tell('refused', (error as Error).message);
    } finally {
      this.send.disabled = false;
    }
  }

  private tell(state: Intent['state'], text: string, intent?: Intent): void {
    const chip = h('span', { class: 'chip' });
    fillIntentState(chip, { state } as Intent);
    this.outcome.dataset['state'] = state;
    replace(this.outcome, chip, h('span', {}, printable(text)));
    if (intent) this.outcome.dataset['intent'] = intent.id;
  }
}
