/** The page: a header, one view at a time, and a look at the oracle every two seconds while somebody looks at the page. */
import 'uplot/dist/uPlot.min.css';
import './page.css';
import { Api } from './api.js';
import { h, icon, printable, replace, say, svg } from './dom.js';
import { FunctionsView } from './functions-view.js';
import { IntentDialog } from './intent-dialog.js';
import { IntentsView } from './intents-view.js';
import { Model } from './model.js';
import { NodePanel } from './node-panel.js';
import { NodesView } from './nodes-view.js';
import { OracleView } from './oracle-view.js';
import { OverviewView } from './overview-view.js';
import type { PageParts, View } from './page-parts.js';
import { PolicyView } from './policy-view.js';
import { SessionsView } from './sessions-view.js';
import { SignIn } from './sign-in.js';

const EVERY_MS = 2_000;
const SLOWEST_MS = 15_000;
const NOTE_MS = 6_000;

class Page implements PageParts {
  readonly api = new Api();
  readonly model = new Model(this.api);
  private readonly dialogs = { signIn: new SignIn(this.api), intent: undefined as unknown as IntentDialog, panel: undefined as unknown as NodePanel };
  private readonly views: Record<string, View>;
  private readonly links = new Map<string, HTMLAnchorElement>();
  private readonly live = h('span', { class: 'live', role: 'status' }, 'connecting');
  private readonly domain = h('bdi', { class: 'domain' });
  private readonly access = h('button', { type: 'button', class: 'access' });
  private readonly banner = h('p', { class: 'banner', role: 'alert', hidden: true });
  private current = 'overview';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private isLooking = false;
  private wantsAnother = false;
  private wantsRebuild = true;

  constructor() {
    this.dialogs.intent = new IntentDialog(this);
    this.dialogs.panel = new NodePanel(this);
    this.views = {
      overview: new OverviewView(this), nodes: new NodesView(this), sessions: new SessionsView(this), intents: new IntentsView(this), policy: new PolicyView(this), functions: new FunctionsView(this), oracle: new OracleView(this),
    };
    this.api.onAccess = () => this.accessChanged();
  }

  start(): void {
    this.furnish();
    addEventListener('hashchange', () => this.arrive());
    document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(this.timer) : void this.look());
    this.arrive();
  }

  readonly note = (text: string, tone: 'good' | 'bad' = 'good'): void => {
    const note = h('div', { class: 'note', 'data-tone': tone }, printable(text));
    document.getElementById('notes')!.append(note);
    setTimeout(() => note.remove(), NOTE_MS);
  };

  readonly openNode = (node: string): void => this.dialogs.panel.open(node);

  readonly signIn = (): Promise<boolean> => this.dialogs.signIn.ask();

  readonly ask = (given?: Parameters<PageParts['ask']>[0]): void => void this.dialogs.intent.open(given).then(() => this.look());

  readonly go = (hash: string): void => {
    if (location.hash === `#${hash}`) this.arrive();
    else location.hash = hash;
  };

  private furnish(): void {
    const mark = svg('svg', { viewBox: '0 0 24 24', class: 'mark', 'aria-hidden': 'true' }, svg('path', { d: 'M12 22V8M12 14L5 8.5M12 11l7-5.5M5 8.5V4M19 5.5V2' }), svg('circle', { cx: 5, cy: 3.5, r: 1.6 }), svg('circle', { cx: 19, cy: 2.6, r: 1.6 }), svg('circle', { cx: 12, cy: 7, r: 1.6 }));
    const links = Object.entries(this.views).map(([key, { title }]) => {
      const link = h('a', { href: `#${key}` }, title);
      this.links.set(key, link);
      return link;
    });
    this.access.addEventListener('click', () => this.api.isAdmin ? this.api.signOut() : void this.signIn());
    replace(document.getElementById('header')!, h('div', { class: 'brand' }, mark, h('h1', {}, 'Domain ', this.domain)), h('nav', { 'aria-label': 'Views' }, ...links), h('div', { class: 'corner' }, this.live, this.access));
    const { signIn, intent, panel } = this.dialogs;
    document.body.append(panel.element, intent.element, signIn.element);
    this.tellAccess();
  }

  private arrive(): void {
    const [wanted = '', query = ''] = location.hash.slice(1).split('?');
    this.current = Object.hasOwn(this.views, wanted) ? wanted : 'overview';
    for (const [key, link] of this.links) {
      if (key === this.current) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    const view = this.views[this.current]!;
    replace(document.getElementById('main')!, this.banner, view.element);
    document.title = `${view.title} · domain ${this.model.overview?.domain ?? ''}`;
    view.enter?.(new URLSearchParams(query));
    this.wantsRebuild = true;
    void this.look();
  }

  /** One look; the next follows after a while, later when the oracle is silent. */
  private async look(): Promise<void> {
    if (this.isLooking) {
      this.wantsAnother = true;
      return;
    }
    this.isLooking = true;
    this.wantsAnother = false;
    clearTimeout(this.timer);
    try {
      const { flows, treeChanged } = await this.model.refresh();
      say(this.domain, printable(this.model.overview!.domain));
      document.title = `${this.views[this.current]!.title} · domain ${printable(this.model.overview!.domain)}`;
      const news = { flows, treeChanged: treeChanged || this.wantsRebuild };
      this.wantsRebuild = false;
      await this.views[this.current]!.update(news);
      if (this.dialogs.panel.element.open) await this.dialogs.panel.update();
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      if (this.failures > 1) say(this.banner, `The oracle does not answer (${(error as Error).message}). Nodes go on serving; this page tries again.`);
    }
    this.isLooking = false;
    this.banner.hidden = this.failures < 2;
    this.live.dataset['tone'] = this.failures === 0 ? 'good' : 'bad';
    say(this.live, this.failures === 0 ? 'live' : 'no answer');
    clearTimeout(this.timer);
    const pauseMs = this.wantsAnother && this.failures === 0 ? 0 : Math.min(EVERY_MS * 2 ** Math.max(0, this.failures - 1), SLOWEST_MS);
    if (!document.hidden) this.timer = setTimeout(() => void this.look(), pauseMs);
  }

  private accessChanged(): void {
    this.tellAccess();
    void this.look();
  }

  private tellAccess(): void {
    replace(this.access, icon('key'), this.api.isAdmin ? 'Sign out' : 'Sign in');
    this.access.title = this.api.isAdmin ? 'The password is forgotten' : 'The admin\'s password; kept in this page\'s memory alone';
  }
}

new Page().start();
