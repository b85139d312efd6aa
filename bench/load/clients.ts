/**
 * Clients of one leaf, each with a session of its own. All of them always ask the leaf and go where it sends them, as a
 * browser does. A client asks, has its answer, thinks for a while, and asks again, so often as the plan says; how long it thinks
 * and how much work each request is come from a seed: every arm of a comparison gets the same requests, and the same work.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { headerOf, Http } from '../harness/http.js';
import { Random } from '../harness/random.js';

export interface LoadPlan {
  clients: number;
  /** Requests of each client. */
  requests: number;
  /** Mean pause between an answer and the next request of a client, milliseconds. */
  thinkMs: number;
  /** Mean time that a request keeps a place of its node. */
  serviceMs: number;
  /** Places of each node. */
  places: number;
  seed: number;
}

/** One answer, for the plot and the percentiles. */
export interface Answered {
  /** Since the beginning of the load. */
  atMs: number;
  tookMs: number;
  redirects: number;
}

export interface LoadResult {
  answered: Answered[];
  /** Sessions whose counter is not the number of their requests: empty, or a write was lost or made twice. */
  wrong: string[];
  /** Answers other than 200, 307 and 503. */
  errors: string[];
  refused: number;
  tookMs: number;
}

interface Request {
  /** Before it is sent. */
  thinkMs: number;
  serviceMs: number;
  id: string;
}

const FUNCTION = '/function/limited';
const MOST_REDIRECTS = 6;
const MOST_TRIES = 50;

export function sessionName(at: number): string {
  return `client-${at}`;
}

/** Makes each client's session at the leaf; its counter is 1 then. */
export async function openSessions(leaf: string, { clients, places }: Pick<LoadPlan, 'clients' | 'places'>): Promise<void> {
  const http = new Http();
  const random = new Random(1);
  const ids = Array.from({ length: clients }, () => random.uuid());
  // Few at a time: nobody is to be relieved of this.
  for (let at = 0; at < clients; at += 2) {
    await Promise.all(ids.slice(at, at + 2).map(async (id, offset) => {
      const said = await ask(http, leaf, sessionName(at + offset), { id, serviceMs: 1, thinkMs: 0 }, places);
      if (said.n !== 1) throw new Error(`session ${sessionName(at + offset)} begins with ${JSON.stringify(said)}`);
    }));
  }
  http.close();
}

/** Everything that a client asks for. */
function requestsOf({ requests, thinkMs, serviceMs, seed }: LoadPlan, client: number): Request[] {
  const random = new Random(seed * 10_007 + client);
  return Array.from({ length: requests }, () => (
    { thinkMs: -Math.log(1 - random.next()) * thinkMs, serviceMs: Math.round(serviceMs * (0.5 + random.next())), id: random.uuid() }
  ));
}

/** @param begunAt what every counter is at */
export async function runLoad(leaf: string, plan: LoadPlan, begunAt = 1): Promise<LoadResult> {
  const http = new Http();
  const result: LoadResult = { answered: [], wrong: [], errors: [], refused: 0, tookMs: 0 };
  const fromMs = performance.now();
  await Promise.all(Array.from({ length: plan.clients }, async (_, client) => {
    let n = begunAt;
    for (const request of requestsOf(plan, client)) {
      await sleep(request.thinkMs);
      const sentMs = performance.now();
      const said = await ask(http, leaf, sessionName(client), request, plan.places);
      result.refused += said.refused;
      if (said.error) result.errors.push(said.error);
      else result.answered.push({ atMs: sentMs - fromMs, tookMs: performance.now() - sentMs, redirects: said.redirects });
      n += 1;
      if (said.n !== n && !result.wrong.includes(sessionName(client))) result.wrong.push(sessionName(client));
    }
  }));
  result.tookMs = performance.now() - fromMs;
  http.close();
  return result;
}

/** Follows redirects; a refusal for the moment is asked again, with the same id, after the pause that it names. */
async function ask(http: Http, leaf: string, session: string, { id, serviceMs }: Request, places: number): Promise<{ n: number; redirects: number; refused: number; error?: string }> {
  const headers = { 'x-session': session, 'x-session-request-id': id };
  let url = `${leaf}${FUNCTION}?ms=${serviceMs}&places=${places}`;
  let [redirects, refused] = [0, 0];
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const answer = await http.send({ method: 'POST', url, headers });
    if (answer.status === 200) return { n: (JSON.parse(answer.body.toString()) as { n: number }).n, redirects, refused };
    if (answer.status === 307 && redirects < MOST_REDIRECTS) {
      redirects += 1;
      url = headerOf(answer, 'location')!;
    } else if (answer.status === 503) {
      refused += 1;
      await sleep(1_000 * Number(headerOf(answer, 'retry-after') ?? 1));
    } else return { n: 0, redirects, refused, error: `${answer.status} ${answer.body.toString()}` };
  }
  return { n: 0, redirects, refused, error: `no answer after ${MOST_TRIES} tries` };
}
