/** Calls to the oracle that served the page, and to nobody else. The password lives in this object and ends with the page. */

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const TIMEOUT_MS = 15_000;

export class Api {
  private authorization: string | undefined;
  /** Called when somebody signs in or out. */
  onAccess: () => void = () => undefined;

  get isAdmin(): boolean {
    return this.authorization !== undefined;
  }

  /** Rejects when the oracle does not take the password. */
  async signIn(user: string, password: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${user}:${password}`);
    const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    await this.call('GET', '/api/v1/intents?limit=1', undefined, authorization);
    this.authorization = authorization;
    this.onAccess();
  }

  signOut(): void {
    this.authorization = undefined;
    this.onAccess();
  }

  get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path);
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.call<T>('POST', path, body, undefined, 75_000);
  }

  private async call<T>(method: string, path: string, body?: object, authorization = this.authorization, timeoutMs = TIMEOUT_MS): Promise<T> {
    const response = await fetch(path, {
      method, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(timeoutMs),
      headers: { ...(authorization && { authorization }), ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }),
    });
    const json = await response.json().catch(() => undefined) as { message?: unknown } | undefined;
    if (response.ok) return json as T;
    // A password that is no longer right is no password.
    if (response.status === 401 && authorization === this.authorization && this.isAdmin) this.signOut();
    throw new ApiError(response.status, typeof json?.message === 'string' ? json.message : `the oracle answered ${response.status}`);
  }
}
