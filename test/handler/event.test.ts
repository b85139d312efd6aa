import { expect } from 'chai';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { StatelessContext } from '../../runtime/handler/context.js';
import { eventFunction, type EventHandler, type FunctionEvent } from '../../runtime/handler/event.js';
import { fieldsOf } from '../../runtime/handler/fields.js';
import { HandlerRequest } from '../../runtime/handler/request.js';
import { toResponse } from '../../runtime/handler/response.js';
import type { FunctionRequest } from '../../runtime/session/call.js';
import { request } from './support.js';

describe('A handler of OpenFaaS\'s Node.js templates', () => {
  const said: string[] = [];
  const ask = async (handler: EventHandler, options: Partial<FunctionRequest> = {}, env: Record<string, string> = {}) => {
    const context = { env, logger: { error: (line: string) => said.push(line) } } as unknown as StatelessContext;
    const response = toResponse(await eventFunction({ default: handler })(new HandlerRequest(request({ method: 'POST', ...options })), context));
    return { ...response, text: response.body.toString() };
  };
  /** What the handler gets as its body. */
  const bodyOf = async (body: string | Buffer, headers: Record<string, string>, env: Record<string, string> = {}): Promise<unknown> => {
    let seen: FunctionEvent | undefined;
    const { status, text } = await ask(async (event) => { seen = event; }, { body: Buffer.from(body as string), headers: { 'content-length': String(body.length), ...headers } }, env);
    return status === 200 ? seen!.body : [status, text];
  };
  const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

  it('gets its body as the content type says', async () => {
    expect(await bodyOf('{"a": [1]}', JSON_TYPE)).to.deep.equal({ a: [1] });
    expect(await bodyOf('', JSON_TYPE)).to.deep.equal({});
    expect(await bodyOf('grüße', { 'content-type': 'text/csv' })).to.equal('grüße');
    expect(await bodyOf('plain', {})).to.equal('plain');
    expect(await bodyOf(Buffer.from([0xe9]), { 'content-type': 'text/plain; charset=latin1' })).to.equal('é');
    expect(await bodyOf('a=1&a=2&b[c][]=3&b[c][]=4&d[x]=5&e=%20+', FORM)).to.deep.equal({ a: ['1', '2'], b: { c: ['3', '4'] }, d: { x: '5' }, e: '  ' });
    expect(await bodyOf('<a/>', { 'content-type': 'application/xml' })).to.deep.equal({});
    const { text } = await ask(async ({ body, headers }) => [body, headers['content-type']], { method: 'GET' });
    expect(JSON.parse(text)).to.deep.equal([{}, 'text/plain']);
  });

  it('gets bytes where RAW_BODY is true, whatever the type', async () => {
    const bytes = Buffer.from([0, 255, 1]);
    expect(await bodyOf(bytes, JSON_TYPE, { RAW_BODY: 'true' })).to.deep.equal(bytes);
    expect(await bodyOf('', {}, { RAW_BODY: 'true' })).to.deep.equal(Buffer.alloc(0));
  });

  it('gets what was packed for the way as it was before', async () => {
    const plain = '{"a": 1}';
    for (const [encoding, packed] of [['gzip', gzipSync(plain)], ['deflate', deflateSync(plain)], ['br', brotliCompressSync(plain)]] as const) {
      expect(await bodyOf(packed, { ...JSON_TYPE, 'content-encoding': encoding })).to.deep.equal({ a: 1 });
    }
    for (const encoding of ['lzw', 'constructor', '__proto__']) {
      expect(await bodyOf('x', { 'content-encoding': encoding })).to.deep.equal([415, `unsupported content encoding "${encoding}"`]);
    }
    expect(await bodyOf('x', { ...JSON_TYPE, 'content-encoding': 'gzip' })).to.have.property('0', 400);
    expect(await bodyOf('x', { 'content-type': 'text/plain; charset=klingon' })).to.deep.equal([415, 'unsupported charset "KLINGON"']);
  });

  it('gets no more than the templates\' limits, before and after it is unpacked', async () => {
    const large = ' '.repeat(100 * 1024);
    for (const headers of [{}, JSON_TYPE, FORM]) expect(await bodyOf(`${large}{}`, headers)).to.deep.equal([413, 'request entity too large']);
    expect(await bodyOf(gzipSync(`${large}{}`), { ...JSON_TYPE, 'content-encoding': 'gzip' })).to.deep.equal([413, 'request entity too large']);
    expect(await bodyOf(`${large}{}`, JSON_TYPE, { MAX_JSON_SIZE: '1mb' })).to.deep.equal({});
    expect(await bodyOf('{"a": 1}', JSON_TYPE, { MAX_JSON_SIZE: '7' })).to.have.property('0', 413);
    expect(await bodyOf(large, {}, { RAW_BODY: 'true', MAX_RAW_SIZE: '0.5 MB' })).to.have.lengthOf(100 * 1024);
    expect(await bodyOf('a=1&'.repeat(1_000), FORM)).to.deep.equal([413, 'too many parameters']);
  });

  it('is not called with JSON that is none, or neither an object nor a list', async () => {
    for (const body of ['{', '1', '"text"', 'null']) expect(await bodyOf(body, JSON_TYPE), body).to.have.property('0', 400);
  });

  it('answers by what it returns, by its context or by the callback, once', async () => {
    expect(await ask(async () => 'returned')).to.deep.include({ status: 200, text: 'returned' });
    expect(await ask((_, context) => context.status(202).succeed('context'))).to.include({ status: 202, text: 'context' });
    expect(await ask((_, __, callback) => { setImmediate(() => callback(undefined, 'callback')); })).to.include({ status: 200, text: 'callback' });
    expect(await ask((_, context) => {
      context.succeed('first');
      context.fail('second');
      return 'third';
    })).to.include({ status: 200, text: 'first' });
    expect(await ask(() => undefined)).to.include({ status: 200, text: '' });
  });

  it('has the types of its answers as Express gives them', async () => {
    const typeOf = async (result: unknown, headers?: Record<string, string>) => (await ask((_, context) => {
      if (headers) context.headers(headers);
      context.succeed(result);
    })).headers['content-type'];
    expect(await typeOf('text')).to.equal('text/html; charset=utf-8');
    expect(await typeOf({ a: 1 })).to.equal('text/html; charset=utf-8');
    expect(await typeOf(new Date(0))).to.equal('application/json; charset=utf-8');
    expect(await typeOf(true)).to.equal('application/json; charset=utf-8');
    expect(await typeOf(Buffer.from('x'))).to.equal('application/octet-stream');
    expect(await typeOf('{}', { 'Content-Type': 'application/json' })).to.equal('application/json; charset=utf-8');
    expect(await typeOf('x', { 'Content-Type': 'text/plain; charset=latin1' })).to.equal('text/plain; charset=utf-8');
  });

  it('fails with 500 unless it says another status, and with its own words', async () => {
    expect(await ask((_, context) => context.fail('no'))).to.include({ status: 500, text: 'no' });
    expect(await ask((_, context) => context.status(404).fail(new Error('none')))).to.include({ status: 404, text: 'Error: none' });
    expect(await ask((_, __, callback) => callback(new Error('late')))).to.include({ status: 500, text: 'Error: late' });
    expect(await ask(async () => { throw new Error('thrown'); })).to.include({ status: 500, text: 'Error: thrown' });
    expect(await ask((_, context) => context.status('418' as unknown as number).succeed('teapot'))).to.include({ status: 418 });
    // What has no text of its own fails, too; it is given late, where nothing catches what goes wrong with it.
    const silent = Object.create(null) as object;
    expect(await ask((_, __, callback) => void setImmediate(() => callback(silent)))).to.include({ status: 500, text: '[object Object]' });
    expect(await ask(async () => { throw silent; })).to.include({ status: 500, text: '[object Object]' });
    const ring: { self?: unknown } = {};
    ring.self = ring;
    expect(await ask((_, context) => { setImmediate(() => context.succeed(ring)); return new Promise(() => undefined); })).to.include({ status: 500 });
    expect(said.join()).to.include('Error: thrown');
  });
});

describe('Fields of a query', () => {
  it('are lists and objects as their names say', () => {
    expect(fieldsOf('a=1&b=2&b=3&c[]=4&c[]=5&d[2]=6&e[f][g]=7&e[h]=8&[i]=9&j[=10')).to.deep.equal({
      a: '1', b: ['2', '3'], c: ['4', '5'], d: ['6'], e: { f: { g: '7' }, h: '8' }, '[i]': '9', 'j[': '10',
    });
    expect(fieldsOf('a[]=1&a[b]=2')).to.deep.equal({ a: { 0: '1', b: '2' } });
    expect(fieldsOf('a[99]=1')).to.deep.equal({ a: { 99: '1' } });
    expect(fieldsOf('a=1&a[]=2')).to.deep.equal({ a: ['1', '2'] });
  });

  it('leave what objects have by nature alone, are no deeper than five, and no more than a thousand', () => {
    const fields = fieldsOf('__proto__[x]=1&a[__proto__][x]=1&constructor[x]=2&hasOwnProperty=3');
    expect(Object.keys(fields)).to.deep.equal(['constructor', 'hasOwnProperty']);
    expect(({} as Record<string, unknown>)['x']).to.equal(undefined);
    expect(fieldsOf('a[b][c][d][e][f][g][h]=1')).to.deep.equal({ a: { b: { c: { d: { e: { f: { '[g][h]': '1' } } } } } } });
    expect(Object.keys(fieldsOf(Array.from({ length: 2_000 }, (_, at) => `f${at}=1`).join('&')))).to.have.lengthOf(1_000);
  });
});
