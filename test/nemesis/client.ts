/** A client that writes down what it asked and was told: every try by itself, all tries of an operation under one request id. */
import { setTimeout as sleep } from 'node:timers/promises';
import { headerOf, Http } from '../../bench/harness/http.js';
import type { Random } from '../../bench/harness/random.js';
import type { Answer } from '../../bench/harness/connection.js';
import { FAULTS, type FaultCode } from '../../runtime/model/faults.js';
import { History } from '../linearizability/history.js';
import type { Sighting } from '../linearizability/versions.js';

const MAX_REDIRECTS = 4;
const TRY_MS = 8_000;
export const FUNCTION = 'everything';
/** Reads the same sessions as `ReadOnlyOffloadable`. */
export const READER = 'look';
/** Kinds whose every answer is the whole state, so that two answers with one version have to be the same. */
export const WHOLE_KINDS = ['list', 'counter'];

export interface ClientTally {
  acknowledged: number;
  tries: number;
  replayed: number;
  /** Reads without a turn that were answered. */
  reads: number;
  /** Answers that were no answer, by code. */
  refused: Record<string, number>;
  broken: number;
  mostRedirects: number;
  violations: string[];
}

export function emptyClientTally(): ClientTally {
  return { acknowledged: 0, tries: 0, replayed: 0, reads: 0, refused: {}, broken: 0, mostRedirects: 0, violations: [] };
}

export interface ClientOptions {
  name: string;
  session: string;
  kind: string;
  history: History<unknown, unknown>;
  sightings: Sighting[];
  http: Http;
  random: Random;
  tally: ClientTally;
  /** Addresses that it may begin at. */
  origins: () => string[];
}

export class Client {
  /** Highest version that it was given. */
  #seen = 0;

  constructor(readonly options: ClientOptions) {}

  /** Tries until it is answered, or nobody wants to know any more. */
  async ask(input: unknown, isOver: () => boolean): Promise<boolean> {
    const { random, history, session, name, kind } = this.options;
    const requestId = random.uuid();
    for (let tries = 0; !isOver(); tries += 1) {
      const asked = history.invoke(session, name, input, requestId);
      const answered = await this.#once(`/function/${FUNCTION}?${queryOf(kind, input)}`, requestId);
      if (answered) {
        asked.answer(answered.output);
        this.options.tally.acknowledged += 1;
        return true;
      }
      await sleep(10 + random.below(Math.min(30 * (tries + 1), 300)));
    }
    return false;
  }

  /** One read beside the writers, of a kind whose answer is the whole state. */
  async look(): Promise<void> {
    if (await this.#once(`/function/${READER}?kind=${this.options.kind}`)) this.options.tally.reads += 1;
  }

  /** One try from some node on, along the redirects. */
  async #once(pathAndQuery: string, requestId?: string): Promise<{ output: unknown } | undefined> {
    const { session, http, tally, random } = this.options;
    let url = random.pick(this.options.origins()) + pathAndQuery;
    const path: string[] = [];
    for (let redirects = 0; ; redirects += 1) {
      tally.tries += 1;
      path.push(new URL(url).host);
      // Who says that there is a version knows the session, so no node begins a second life of the id.
      const headers = { 'x-session': session, 'x-session-version': String(Math.max(1, this.#seen)), ...(requestId !== undefined && { 'x-session-request-id': requestId }) };
      const answer = await http.send({ method: 'POST', url, headers, timeoutMs: TRY_MS }).catch((error: Error) => error);
      if (answer instanceof Error) {
        tally.broken += 1;
        return undefined;
      }
      if (answer.status !== 307) return this.#judge(answer, redirects, path);
      tally.mostRedirects = Math.max(tally.mostRedirects, redirects + 1);
      if (redirects + 1 > MAX_REDIRECTS) {
        tally.violations.push(`${session}: more than ${MAX_REDIRECTS} redirects in a row: ${path.join(' → ')}`);
        return undefined;
      }
      url = new URL(headerOf(answer, 'location')!, url).href;
    }
  }

  #judge(answer: Answer, redirects: number, path: string[]): { output: unknown } | undefined {
    const { tally, session } = this.options;
    if (answer.status === 200) {
      const { output } = JSON.parse(answer.body.toString()) as { output: unknown };
      if (headerOf(answer, 'x-session-replayed') !== undefined) tally.replayed += 1;
      else this.#saw(Number(headerOf(answer, 'x-session-version')), output, path);
      return { output };
    }
    const text = answer.body.toString();
    const code = codeOf(text);
    tally.refused[code] = (tally.refused[code] ?? 0) + 1;
    if (!mayTryAgain(answer)) tally.violations.push(`${session}: ${answer.status} ${text.slice(0, 300)} by ${path.join(' → ')} after ${redirects} redirects`);
    return undefined;
  }

  /** An answer is never older than what its client said that it had seen. */
  #saw(version: number, output: unknown, path: string[]): void {
    const { tally, session, name, kind, sightings } = this.options;
    if (!(version >= this.#seen)) tally.violations.push(`stale: ${name} had seen version ${this.#seen} of ${session} and got ${version} by ${path.join(' → ')}`);
    else this.#seen = version;
    if (WHOLE_KINDS.includes(kind)) sightings.push({ session, client: name, version, content: JSON.stringify(output) });
  }
}

/** Whether an answer that is no success only says that it is to be tried again. */
export function mayTryAgain({ body }: Answer): boolean {
  const code = codeOf(body.toString());
  // A paused process finds its handlers' time run out when it goes on; nothing was changed.
  return code === 'HANDLER_TIMEOUT' || FAULTS[code as FaultCode]?.retryable === true;
}

function codeOf(text: string): string {
  try {
    return (JSON.parse(text) as { code?: string }).code ?? 'none';
  } catch {
    return 'none';
  }
}

function queryOf(kind: string, input: unknown): string {
  const query = new URLSearchParams({ kind });
  if (input === 'keys') query.set('keys', '');
  if (typeof input === 'object' && input !== null) {
    // Values of a register are JSON; everything else is text.
    for (const [name, value] of Object.entries(input)) query.set(name, kind === 'register' ? JSON.stringify(value) : String(value));
  }
  return query.toString();
}
