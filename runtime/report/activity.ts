/**
 * What happened to sessions here since the last report. Kept small on purpose: a stateful request pays one
 * look into a map for it.
 */
import { MAX_SAMPLES_PER_REPORT, MAX_SESSIONS_PER_REPORT } from '../model/limits.js';
import type { Sample } from '../model/report.js';

export interface SessionActivity {
  requests: number;
  /** Of these, such as another node had sent here: it counts them as having arrived there. */
  redirected: number;
  busyMs: number;
}

export class Activity {
  private served = new Map<string, SessionActivity>();
  private astray = new Map<string, number>();
  private samples: Sample[] = [];
  private readonly outputs = new Map<string, Record<string, string>>();
  dropped = 0;

  /** A request was served here; `tookMs` from its arrival to its answer. */
  serve(session: string, tookMs: number, isRedirected = false): void {
    const known = this.served.get(session);
    if (known !== undefined) {
      known.requests += 1;
      known.busyMs += tookMs;
      if (isRedirected) known.redirected += 1;
    } else if (this.served.size < MAX_SESSIONS_PER_REPORT) this.served.set(session, { requests: 1, redirected: isRedirected ? 1 : 0, busyMs: tookMs });
  }

  /** A request came here whose session lives elsewhere. */
  redirect(session: string): void {
    const known = this.astray.get(session);
    if (known !== undefined || this.astray.size < MAX_SESSIONS_PER_REPORT) this.astray.set(session, (known ?? 0) + 1);
  }

  sample(sample: Sample): void {
    if (this.samples.length < MAX_SAMPLES_PER_REPORT) this.samples.push(sample);
    else this.dropped += 1;
  }

  /** The session called or propagated to another: `output` names how. Of several receivers the first counts, which is the nearest. */
  depend(session: string, output: string, receiver: string): void {
    const known = this.outputs.get(session);
    if (known?.[output] !== undefined || (!known && this.outputs.size >= MAX_SESSIONS_PER_REPORT)) return;
    this.outputs.set(session, { ...known, [output]: receiver });
  }

  /** Everything since the last time, which begins anew. */
  take(): { served: Map<string, SessionActivity>; astray: Map<string, number>; samples: Sample[]; outputs: [string, Record<string, string>][] } {
    const { served, astray, samples } = this;
    const outputs = [...this.outputs];
    this.served = new Map();
    this.astray = new Map();
    this.samples = [];
    this.outputs.clear();
    return { served, astray, samples, outputs };
  }
}
