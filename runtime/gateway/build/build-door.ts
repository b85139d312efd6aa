/**
 * `POST /build`, as OpenFaaS's function builder has it: a tar of a context and its configuration, signed with the payload
 * secret, becomes a bundle under the image's name, which the deployment that follows asks for.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import PQueue from 'p-queue';
import type { Clock, Timer } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import type { Reply, RouteRequest } from '../../base/reply.js';
import { asFault, Fault } from '../../model/faults.js';
import { MAX_BUILD_BYTES, MAX_BUILD_RECEIVE_MS, MAX_WAITING_BUILDS } from '../../model/limits.js';
import { leave } from '../../handler/http-body.js';
import type { StreamRoute } from '../admin.js';
import type { Bundles } from '../bundles.js';
import type { BuiltImages } from './built-images.js';
import { makeBundle } from './make.js';
import { unpack } from './unpack.js';

export interface BuildParts {
  bundles: Bundles;
  images: BuiltImages;
  /** The payload secret; undefined: nothing is built here. */
  secret: string | undefined;
  /** Contexts are unpacked below it and removed again; it is this builder's alone. */
  folder: string;
  clock: Clock;
  log: Log;
  /** An archive has to be here by then. */
  receiveMs?: number;
}

/** OpenFaaS's result of a build, one a line where they are streamed. */
interface BuildResult {
  log: string[];
  image: string;
  status: 'in_progress' | 'success' | 'failed';
  error?: string;
}

const NDJSON = 'application/x-ndjson';
const SIGNATURE = /^sha256=([0-9a-f]{64})$/i;

export function buildRoutes(parts: BuildParts): StreamRoute[] {
  // One at a time: a build takes a whole processor for a moment.
  const queue = new PQueue({ concurrency: 1 });
  // Anybody may begin one: whether its signature is right shows only at its end.
  let arriving = 0;
  // What a node that was killed has left.
  const swept = rm(parts.folder, { recursive: true, force: true }).catch(() => undefined);

  async function build(request: RouteRequest, body: AsyncIterable<Buffer>): Promise<Reply> {
    const { secret, folder, clock, receiveMs = MAX_BUILD_RECEIVE_MS } = parts;
    if (secret === undefined) throw new Fault('NOT_FOUND', { path: '/build: this node has no payload secret' });
    const signature = signatureOf(request);
    if (arriving + queue.size >= MAX_WAITING_BUILDS) throw new Fault('OVERLOADED', { function: 'the builder', limit: MAX_WAITING_BUILDS });
    arriving += 1;
    const place = await newPlace(folder).catch((error: unknown) => {
      arriving -= 1;
      throw error;
    });
    const clean = () => rm(place, { recursive: true, force: true });
    try {
      const archive = join(place, 'archive.tar');
      const announced = Number(request.headers?.['content-length'] ?? 0);
      const image = await receive(body, archive, { announced, secret, signature, clock, receiveMs })
        .then(() => unpack(archive, place)).then((config) => config.image).finally(() => { arriving -= 1; });
      const lines = new Lines();
      const done = queue.add(() => run(image, join(place, 'context'), lines)).finally(clean);
      done.catch(() => undefined);
      if (!request.accept.includes(NDJSON)) return await whole(done, image, lines);
      return { status: 200, headers: { 'content-type': NDJSON }, stream: results(done, image, lines) };
    } catch (error) {
      await clean();
      throw error;
    }
  }

  async function newPlace(folder: string): Promise<string> {
    await swept;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return mkdtemp(join(folder, 'build-'));
  }

  async function run(image: string, context: string, lines: Lines): Promise<void> {
    const { bundles, images, clock } = parts;
    try {
      const { sha256, code } = await makeBundle(context, nameOf(image), (line) => lines.add(line), clock);
      await bundles.write(sha256, once(code));
      await images.put(image, sha256);
      lines.add(`bundle ${sha256}, ${code.length} bytes`);
    } finally {
      lines.end();
    }
  }

  async function whole(done: Promise<void>, image: string, lines: Lines): Promise<Reply> {
    try {
      await done;
      return { status: 200, json: { log: lines.all, image, status: 'success' } satisfies BuildResult };
    } catch (error) {
      const fault = known(error);
      return { status: fault.status, json: { log: lines.all, image, status: 'failed', error: fault.message } satisfies BuildResult };
    }
  }

  async function* results(done: Promise<void>, image: string, lines: Lines): AsyncIterable<Buffer> {
    for await (const line of lines) yield lineOf({ log: [line], image, status: 'in_progress' });
    yield await done.then(
      () => lineOf({ log: [], image, status: 'success' }),
      (error: unknown) => lineOf({ log: [], image, status: 'failed', error: known(error).message }),
    );
  }

  function known(error: unknown): Fault {
    const fault = asFault(error);
    if (fault.code === 'INTERNAL') parts.log.error({ reason: String((error as Error)?.stack ?? error) }, 'a build failed');
    return fault;
  }

  return [{ method: 'POST', path: '/build', access: 'open', stream: build }];
}

function signatureOf({ headers }: RouteRequest): Buffer {
  const given = SIGNATURE.exec(String(headers?.['x-build-signature'] ?? ''))?.[1];
  if (given === undefined) throw new Fault('SIGNATURE_REFUSED', { reason: 'X-Build-Signature is sha256=<HMAC of the body in hex>' });
  return Buffer.from(given, 'hex');
}

interface Expected {
  /** Of the header, in bytes. */
  announced: number;
  secret: string;
  signature: Buffer;
  clock: Clock;
  receiveMs: number;
}

/** Nothing of the archive is looked at before its signature is found to be right. */
async function receive(body: AsyncIterable<Buffer>, file: string, { announced, secret, signature, clock, receiveMs }: Expected): Promise<void> {
  if (announced > MAX_BUILD_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_BUILD_BYTES });
  const hmac = createHmac('sha256', secret);
  const pieces = body[Symbol.asyncIterator]();
  const late = lateness(clock, receiveMs);
  const target = await open(file, 'wx', 0o600);
  try {
    for (let bytes = 0; ;) {
      const { done, value } = await Promise.race([pieces.next(), late.promise]);
      if (done) break;
      bytes += value.length;
      if (bytes > MAX_BUILD_BYTES) throw new Fault('BODY_TOO_LARGE', { limit: MAX_BUILD_BYTES });
      hmac.update(value);
      await target.write(value);
    }
  } finally {
    late.end();
    leave(body);
    await target.close();
  }
  if (!timingSafeEqual(hmac.digest(), signature)) throw new Fault('SIGNATURE_REFUSED', { reason: 'it does not fit the body and this node\'s payload secret' });
}

function lateness(clock: Clock, limit: number): { promise: Promise<never>; end(): void } {
  let timer: Timer;
  const promise = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(new Fault('REQUEST_TIMEOUT', { limit, setting: 'of archives for the builder', layer: 'gateway' })), limit);
  });
  promise.catch(() => undefined);
  return { promise, end: () => clock.clearTimeout(timer) };
}

/** `registry/user/cart:1.0` → `cart`. */
function nameOf(image: string): string {
  return basename(image).split(/[:@]/, 1)[0]!;
}

function lineOf(result: BuildResult): Buffer {
  return Buffer.from(`${JSON.stringify(result)}\n`);
}

async function* once(code: Buffer): AsyncIterable<Buffer> {
  yield code;
}

/** What a build says, kept and handed on as it comes. */
class Lines implements AsyncIterable<string> {
  readonly all: string[] = [];
  #over = false;
  #wake: (() => void) | undefined;

  add(line: string): void {
    this.all.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#over = true;
    this.#wake?.();
  }

  async* [Symbol.asyncIterator](): AsyncGenerator<string> {
    for (let at = 0; ; at += 1) {
      while (at >= this.all.length) {
        if (this.#over) return;
        await new Promise<void>((resolve) => { this.#wake = resolve; });
      }
      yield this.all[at]!;
    }
  }
}
