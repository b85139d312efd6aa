/** Intents that tools push into the mirror: each is taken in once, and taken out of the mirror once it is on the oracle's own disk. */
import type { RedisClientType } from 'redis';
import { type IncomingIntent, INTENTS, parseIntent } from './keys.js';
import { TAKE_OUT } from './scripts.js';

export interface IncomingParts {
  client: Pick<RedisClientType, 'lRange' | 'mGet' | 'del' | 'eval'>;
  /** False: what tools push stays in the mirror for the time being. */
  mayTake(): boolean;
  /** Called with what a tool pushed; throws nothing. */
  onIntent(intent: IncomingIntent): void;
  /** Resolves with whether what was taken in would survive a crash. */
  kept(): Promise<boolean>;
  /** A pushed intent that says nothing sensible: reported and removed. */
  onBad(key: string, reason: string): void;
}

const MOST_AT_ONCE = 1_000;

export class Incoming {
  /** Taken in, but still in the mirror: the disk or the mirror has not answered for them yet. */
  private taken: string[] = [];

  constructor(private readonly parts: IncomingParts) {}

  async take(): Promise<void> {
    const { client, mayTake, kept } = this.parts;
    if (!mayTake()) return;
    if (this.taken.length === 0) await this.takeIn();
    if (this.taken.length === 0 || !await kept()) return;
    await client.eval(TAKE_OUT, { keys: [INTENTS, ...this.taken] });
    this.taken = [];
  }

  private async takeIn(): Promise<void> {
    const keys = await this.firstKeys();
    const values = keys.length === 0 ? [] : await this.parts.client.mGet(keys);
    this.taken = keys;
    for (const [at, key] of keys.entries()) this.takeOne(key, values[at] ?? null);
  }

  private takeOne(key: string, value: string | null): void {
    try {
      this.parts.onIntent(parseIntent(key, value));
    } catch (error) {
      this.parts.onBad(key, (error as Error).message);
    }
  }

  private async firstKeys(): Promise<string[]> {
    try {
      return await this.parts.client.lRange(INTENTS, 0, MOST_AT_ONCE - 1);
    } catch (error) {
      if (!(error as Error).message.startsWith('WRONGTYPE')) throw error;
      // Whoever pushes next finds a list again.
      await this.parts.client.del(INTENTS);
      this.parts.onBad(INTENTS, 'it is no list; intents are keys, pushed onto one');
      return [];
    }
  }
}
