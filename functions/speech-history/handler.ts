/**
 * Stands for speech recognition: POST a sound, it costs processor time by its length, and its transcript goes into the
 * session's history. No words are recognised; a transcript is made of the sound's digest, so the same sound reads the same.
 */
import { createHash } from 'node:crypto';
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';
import { burn } from '../cpu-burn/burn.js';

const HISTORY = 'history';
const KEPT = 50;
const WORDS = ['anchor', 'bridge', 'cloud', 'delta', 'ember', 'forest', 'garden', 'harbour', 'island', 'jasmine', 'kettle', 'lantern', 'meadow', 'north', 'orchard', 'pepper'];
const BYTES_PER_MS = 1_000;
const MOST_MS = 5_000;

export default class SpeechHistory extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    if (request.method === 'GET') return { history: await edgeDB.getList(HISTORY) };
    if (request.method === 'DELETE') return edgeDB.delete(HISTORY);
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'GET, POST, DELETE' } };
    if (request.body.length === 0) return { status: 400, body: { message: 'The body is a sound' } };
    const ms = Math.min(MOST_MS, Math.ceil(request.body.length / BYTES_PER_MS));
    burn(ms);
    const transcript = transcriptOf(request.body);
    const history = [...await edgeDB.getList(HISTORY), transcript].slice(-KEPT);
    await edgeDB.setList(HISTORY, history);
    return { transcript, ms, utterances: history.length };
  }
}

/** Four words. */
function transcriptOf(sound: Buffer): string {
  const digest = createHash('sha256').update(sound).digest();
  return [...digest.subarray(0, 4)].map((byte) => WORDS[byte % WORDS.length]).join(' ');
}
