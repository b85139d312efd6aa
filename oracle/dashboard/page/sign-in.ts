/** Asks for the admin's password. It is kept in this page's memory alone. */
import type { Api } from './api.js';
import { ApiError } from './api.js';
import { h, icon, say } from './dom.js';

export class SignIn {
  readonly element: HTMLDialogElement;
  private readonly user = h('input', { id: 'user', name: 'user', autocomplete: 'username', value: 'admin', required: true });
  private readonly password = h('input', { id: 'password', name: 'password', type: 'password', autocomplete: 'off', required: true, 'aria-describedby': 'password-note' });
  private readonly wrong = h('p', { class: 'wrong', role: 'alert' });
  private readonly enter = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  private done: ((isIn: boolean) => void) | undefined;

  constructor(private readonly api: Api) {
    const close = h('button', { type: 'button', class: 'ghost close', 'aria-label': 'Close', onclick: () => this.element.close() }, icon('close'));
    const form = h('form', { onsubmit: (event) => void this.submit(event) },
      h('div', { class: 'dialog-head' }, h('h2', { id: 'sign-in-title' }, 'Sign in'), close),
      h('label', { for: 'user' }, 'User'), this.user, h('label', { for: 'password' }, 'Password'), this.password,
      h('p', { class: 'hint', id: 'password-note' }, 'The domain\'s admin password; the line “admin:” at the start says in which file it is. This page keeps it in memory until it is closed.'),
      this.wrong, h('div', { class: 'dialog-foot' }, this.enter));
    this.element = h('dialog', { 'aria-labelledby': 'sign-in-title', onclose: () => this.end() }, form);
  }

  /** Resolves to whether somebody is signed in now. */
  ask(): Promise<boolean> {
    if (this.api.isAdmin) return Promise.resolve(true);
    say(this.wrong, '');
    this.password.value = '';
    this.element.showModal();
    this.password.focus();
    return new Promise((resolve) => { this.done = resolve; });
  }

  private async submit(event: Event): Promise<void> {
    event.preventDefault();
    this.enter.disabled = true;
    try {
      await this.api.signIn(this.user.value, this.password.value);
      this.element.close();
    } catch (error) {
      say(this.wrong, error instanceof ApiError && error.status === 401 ? 'This is not the admin\'s password.' : (error as Error).message);
      this.password.select();
    } finally {
      this.enter.disabled = false;
    }
  }

  private end(): void {
    this.password.value = '';
    this.done?.(this.api.isAdmin);
    this.done = undefined;
  }
}
