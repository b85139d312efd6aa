/** What the views have in common. */
import type { Api } from './api.js';
import type { Model } from './model.js';
import type { Flow } from './types.js';

export interface PageParts {
  api: Api;
  model: Model;
  /** A sentence for whoever looks, for some seconds. */
  note(text: string, tone?: 'good' | 'bad'): void;
  openNode(name: string): void;
  /** Asks for the password when nobody has signed in; resolves to whether somebody has now. */
  signIn(): Promise<boolean>;
  /** A dialog for a new intent, with what is known of it already. */
  ask(given?: { kind?: 'migrate' | 'cordon' | 'uncordon'; session?: string; node?: string }): void;
  /** Another view, such as `sessions?node=milan`. */
  go(hash: string): void;
}

export interface View {
  title: string;
  element: HTMLElement;
  /** The page goes there; the query of its address comes along. */
  enter?(query: URLSearchParams): void;
  /** Every two seconds while it is there. `flows` are new moves. */
  update(news: { flows: Flow[]; treeChanged: boolean }): void | Promise<void>;
}
