/** A request that nobody has looked at on its way from its client: its headers are read when the function asks for them. */
import type { FunctionRequest } from '../../session/call.js';

/** Where one comes more than once, the first one counts. */
const ONCE = new Set([
  'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since',
  'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent',
]);
const OWN_WORDS = 5;

export class RequestAsItCame implements FunctionRequest {
  stream?: AsyncIterable<Buffer>;
  #headers: FunctionRequest['headers'] | undefined;

  /** @param words the call's id, method, path, query, the client's address; then names and values of headers in turn */
  constructor(private readonly words: readonly string[], readonly body: Buffer) {
    if (words.length < OWN_WORDS) throw new RangeError('a call without its head');
  }

  get callId(): string {
    return this.words[0]!;
  }

  get method(): string {
    return this.words[1]!;
  }

  get path(): string {
    return this.words[2]!;
  }

  get query(): string {
    return this.words[3]!;
  }

  get headers(): FunctionRequest['headers'] {
    return this.#headers ??= this.#read();
  }

  /** As node:http reads them, with the call's id and where it comes from, unless they say so themselves. */
  #read(): FunctionRequest['headers'] {
    const headers: FunctionRequest['headers'] = {};
    const { words } = this;
    for (let at = OWN_WORDS; at + 1 < words.length; at += 2) add(headers, words[at]!.toLowerCase(), words[at + 1]!);
    headers['x-call-id'] ??= this.callId;
    if (words[4] !== '') headers['x-forwarded-for'] ??= words[4]!;
    return headers;
  }
}

function add(headers: FunctionRequest['headers'], name: string, value: string): void {
  const there = headers[name];
  if (name === 'set-cookie') headers[name] = there === undefined ? [value] : [...there, value];
  else if (typeof there !== 'string') headers[name] = value;
  else if (!ONCE.has(name)) headers[name] = `${there}${name === 'cookie' ? '; ' : ', '}${value}`;
}
