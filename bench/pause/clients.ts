/** Clients that never stop while their session moves, and what they have seen. */
import { headerOf, Http } from '../harness/http.js';

export interface Seen {
  /** Between two acknowledgements in a row, milliseconds. */
  gaps: number[];
  errors: string[];
  answers: number;
}

/** One client in a closed loop, following 307 from the node it knows. */
export class LoopClient {
  readonly seen: Seen = { gaps: [], errors: [], answers: 0 };
  #isOver = false;
  #last = 0;
  #running: Promise<void> | undefined;

  constructor(private readonly http: Http, private readonly method: string, private readonly url: string, private readonly session: string) {}

  start(): void {
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Longest gap since the last call of this. */
  longestGap(): number {
    const longest = this.seen.gaps.reduce((most, gap) => Math.max(most, gap), 0);
    this.seen.gaps.length = 0;
    return longest;
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      const fault = await once(this.http, this.method, this.url, this.session);
      if (fault) this.seen.errors.push(fault);
      this.seen.answers += 1;
      const now = performance.now();
      if (this.#last > 0) this.seen.gaps.push(now - this.#last);
      this.#last = now;
    }
  }
}

/** @returns what was wrong, in words */
export async function once(http: Http, method: string, first: string, session: string): Promise<string | undefined> {
  let url = first;
  for (let redirects = 0; redirects <= 4; redirects += 1) {
    let answer;
    try {
      answer = await http.send({ method, url, headers: { 'x-session': session } });
    } catch (error) {
      return `${url}: ${(error as Error).message}`;
    }
    if (answer.status === 200) return undefined;
    if (answer.status !== 307) return `${url}: ${answer.status} ${answer.body.toString('utf8', 0, 200)}`;
    url = new URL(headerOf(answer, 'location')!, url).href;
  }
  return `${first}: more than 4 redirects`;
}
