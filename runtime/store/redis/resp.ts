/** The little of Redis' protocol (RESP 2) that scripts and their answers need. */
import { ErrorReply } from 'redis';
import type { Argument } from './connection.js';

/** Longer arguments are sent from where they are; shorter ones are cheaper to copy together. */
const COPY_BYTES = 4 * 1024;

/** Bytes behind the letter with which the store keeps them: neither side has to copy them to put it there. */
export class Lettered {
  constructor(readonly letter: string, readonly bytes: Buffer) {}

  get length(): number {
    return 1 + this.bytes.length;
  }

  /** In one piece, for who cannot send it in two. */
  joined(): Buffer {
    return Buffer.concat([Buffer.from(this.letter, 'latin1'), this.bytes]);
  }
}

/** A command as pieces to be written one after another; strings are Latin-1, one character a byte. Nearly always it is one string. */
export function encodeCommand(args: readonly Argument[]): (string | Buffer)[] {
  const pieces: (string | Buffer)[] = [];
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    if (typeof arg === 'string') {
      const bytes = Buffer.byteLength(arg);
      text += `$${bytes}\r\n${bytes === arg.length ? arg : Buffer.from(arg).toString('latin1')}\r\n`;
      continue;
    }
    const isLettered = arg instanceof Lettered;
    const bytes = isLettered ? arg.bytes : arg;
    text += isLettered ? `$${arg.length}\r\n${arg.letter}` : `$${arg.length}\r\n`;
    if (bytes.length <= COPY_BYTES) {
      text += `${bytes.toString('latin1')}\r\n`;
    } else {
      pieces.push(text, bytes);
      text = '\r\n';
    }
  }
  pieces.push(text);
  return pieces;
}

const MORE = Symbol('the piece is not complete yet');
const INSIDE = Symbol('a list is open');
const [STATUS, ERROR, INTEGER, BULK, LIST, CR, LF, MINUS, ZERO] = [...'+-:$*\r\n-0'].map((char) => char.charCodeAt(0));

/** Longer values are handed out where they were put together; shorter ones would hold on to more than they are. */
const LARGE_BYTES = 16 * 1024;
/** Beyond what is needed a read may bring so much more. */
const READ_BYTES = 64 * 1024;
/** No Redis has a longer value. */
const MAX_VALUE_BYTES = 512 * 1024 * 1024;
/** Longer lines, and lists in more lists than these, no script of ours answers. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_DEPTH = 32;
const NOTHING = Buffer.alloc(0);

/** A list that is not complete yet. */
interface OpenList {
  items: unknown[];
  count: number;
  depth: number;
  outer: OpenList | undefined;
}

/** Cuts what comes into answers: text (status), ErrorReply, number, Buffer, list of these, or null. */
export class ReplyReader {
  #bytes: Buffer = NOTHING;
  #at = 0;
  /** The innermost list whose items are still coming: none is read twice, however many reads they come in. */
  #list: OpenList | undefined;
  /** Whether the memory of `#bytes` is nobody else's. */
  #isOwn = false;
  /** What has come of a piece that is not complete, with room for more; and how much there must be before another look is worth while. */
  #kept: Buffer = NOTHING;
  #have = 0;
  #need = 0;

  /**
   * @param chunk is copied from: the caller may use its memory again
   * @throws RangeError at what is no answer
   */
  take(chunk: Buffer, give: (answer: unknown) => void): void {
    let bytes = chunk;
    this.#isOwn = this.#have > 0;
    if (this.#isOwn) {
      this.#keep(chunk);
      if (this.#have < this.#need) return;
      bytes = this.#kept.subarray(0, this.#have);
    }
    this.#bytes = bytes;
    this.#kept = NOTHING;
    this.#have = this.#need = this.#at = 0;
    while (this.#at < bytes.length) {
      const start = this.#at;
      const answer = this.#next();
      if (answer === MORE) {
        this.#need -= start;
        this.#keep(bytes.subarray(start));
        return;
      }
      if (answer !== INSIDE) give(answer);
    }
  }

  #keep(more: Buffer): void {
    const have = this.#have + more.length;
    if (have > this.#kept.length) {
      const room = Buffer.allocUnsafeSlow(this.#need > LARGE_BYTES ? Math.max(have, this.#need) + READ_BYTES : have * 2);
      this.#kept.copy(room, 0, 0, this.#have);
      this.#kept = room;
    }
    more.copy(this.#kept, this.#have);
    this.#have = have;
  }

  /** An answer, once its last piece is read. */
  #next(): unknown {
    let value = this.#piece();
    while (value !== MORE && value !== INSIDE) {
      const list = this.#list;
      if (!list) return value;
      list.items.push(value);
      if (list.items.length < list.count) return INSIDE;
      this.#list = list.outer;
      value = list.items;
    }
    return value;
  }

  #piece(): unknown {
    const type = this.#bytes[this.#at];
    this.#at += 1;
    switch (type) {
      case INTEGER: return this.#integer();
      case BULK: return this.#bulk();
      case LIST: return this.#open();
      case STATUS: return this.#line();
      case ERROR: {
        const line = this.#line();
        return line === MORE ? MORE : new ErrorReply(line);
      }
      default: throw notAnAnswer();
    }
  }

  #open(): unknown[] | null | typeof MORE | typeof INSIDE {
    const count = this.#integer();
    if (count === MORE) return MORE;
    if (count === -1) return null;
    if (count === 0) return [];
    const depth = this.#list ? this.#list.depth + 1 : 1;
    if (count < 0 || depth > MAX_DEPTH) throw notAnAnswer();
    this.#list = { items: [], count, depth, outer: this.#list };
    return INSIDE;
  }

  #bulk(): Buffer | null | typeof MORE {
    const length = this.#integer();
    if (length === MORE) return MORE;
    if (length === -1) return null;
    if (length < 0 || length > MAX_VALUE_BYTES) throw notAnAnswer();
    const start = this.#at;
    const end = start + length;
    this.#at = end + 2;
    if (this.#at > this.#bytes.length) {
      this.#need = this.#at;
      return MORE;
    }
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) throw notAnAnswer();
    const value = this.#bytes.subarray(start, end);
    return this.#isOwn && length > LARGE_BYTES && length * 2 > this.#bytes.length ? value : Buffer.from(value);
  }

  #line(): string | typeof MORE {
    const end = this.#bytes.indexOf('\r\n', this.#at);
    if (end < 0 && this.#bytes.length - this.#at <= MAX_LINE_BYTES) return MORE;
    if (end < 0 || end - this.#at > MAX_LINE_BYTES) throw notAnAnswer();
    const line = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 2;
    return line;
  }

  #integer(): number | typeof MORE {
    const bytes = this.#bytes;
    let at = this.#at;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at += 1;
    const first = at;
    let value = 0;
    for (; at < bytes.length && bytes[at] !== CR; at += 1) {
      const digit = bytes[at]! - ZERO!;
      if (digit < 0 || digit > 9) throw notAnAnswer();
      value = value * 10 + digit;
    }
    if (at + 2 > bytes.length && at - first < MAX_LINE_BYTES) return MORE;
    if (at === first || bytes[at + 1] !== LF) throw notAnAnswer();
    this.#at = at + 2;
    return isNegative ? -value : value;
  }
}

function notAnAnswer(): RangeError {
  return new RangeError('this is no answer of a Redis');
}
