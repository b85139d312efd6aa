import { expect } from 'chai';
import fc from 'fast-check';
import { Channel } from '../../runtime/handler/process/channel.js';
import { packAnswer, packCall, unpackAnswer, unpackCall } from '../../runtime/handler/process/messages.js';
import { Numbered } from '../../runtime/handler/process/numbered.js';
import { Packer, Unpacker } from '../../runtime/handler/process/packing.js';
import type { Wire } from '../../runtime/handler/process/wire.js';
import type { WorkerAnswer } from '../../runtime/session/call.js';
import { call, request } from './support.js';

/** A wire whose other end is the test. */
class OpenWire implements Wire {
  readonly writes: Buffer[][] = [];
  take!: (chunk: Buffer) => void;

  open(take: (chunk: Buffer) => void): void {
    this.take = take;
  }

  write(pieces: Buffer[]): void {
    this.writes.push(pieces);
  }

  end(): void {}
}

interface Got {
  type: number;
  id: number;
  body: Buffer;
}

function channel(): { wire: OpenWire; channel: Channel; got: Got[]; ends: (string | undefined)[] } {
  const wire = new OpenWire();
  const got: Got[] = [];
  const ends: (string | undefined)[] = [];
  const events = { frame: (type: number, id: number, payload: Unpacker) => void got.push({ type, id, body: payload.bytes() }), ended: (reason?: string) => void ends.push(reason) };
  return { wire, got, ends, channel: new Channel(wire, events) };
}

/** One frame's payload, as it is read at the other end. */
function payloadOf(pack: (packer: Packer) => void): Unpacker {
  const packer = new Packer();
  pack(packer.begin(1, 1));
  packer.end();
  const frame = Buffer.concat(packer.take());
  return new Unpacker(frame).over(9, frame.length);
}

const LATIN1 = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
const SIZE = fc.oneof(fc.nat(200), fc.integer({ min: 16_000, max: 17_000 }), fc.constant(70_000), fc.constant(300_000));

describe('Frames between a node and its workers', () => {
  it('of one turn leave in one write and arrive whole, wherever the wire cuts them; one that could not be made leaves no trace', async () => {
    const sent = fc.array(fc.record({ size: SIZE, fails: fc.boolean() }), { minLength: 1, maxLength: 12 });
    await fc.assert(fc.asyncProperty(sent, fc.array(fc.integer({ min: 1, max: 90_000 }), { maxLength: 30 }), async (frames, cuts) => {
      const [ours, theirs] = [channel(), channel()];
      const wanted: Got[] = [];
      for (const [id, { size, fails }] of frames.entries()) {
        const body = Buffer.alloc(size, id + 1);
        const send = (): void => ours.channel.send(id % 200, id, (packer) => {
          packer.bytes(body);
          if (fails) throw new Error('it cannot be packed');
        });
        if (fails) expect(send).to.throw('it cannot be packed');
        else {
          send();
          wanted.push({ type: id % 200, id, body });
        }
      }
      await new Promise((resolve) => setImmediate(resolve));
      expect(ours.wire.writes).to.have.lengthOf(wanted.length > 0 ? 1 : 0);
      const bytes = Buffer.concat(ours.wire.writes.flat());
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        if (at < bytes.length) theirs.wire.take(bytes.subarray(at, at + cut));
        at += cut;
      }
      expect(theirs.got.length).to.equal(wanted.length);
      for (const [index, { type, id, body }] of wanted.entries()) {
        const got = theirs.got[index]!;
        expect([got.type, got.id, got.body.equals(body)]).to.deep.equal([type, id, true]);
      }
      expect(theirs.ends).to.deep.equal([]);
    }), { numRuns: 60 });
  });

  it('that nobody could have sent end the channel, and say why', () => {
    const frame = Buffer.concat([Buffer.from([9, 0, 0, 0, 1, 7, 0, 0, 0]), Buffer.from([200, 0, 0, 0])]);
    const cut = channel();
    cut.wire.take(frame);
    expect(cut.ends).to.deep.equal(['a frame that cannot be read: a block of the frame reaches beyond its end']);
    const impossible = channel();
    impossible.wire.take(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 7, 0, 0, 0]));
    expect(impossible.ends).to.deep.equal(['a frame of an impossible length']);
  });

  it('of whatever bytes are read within their bounds, or refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(40), (bytes, beside) => {
      const chunk = Buffer.from([...bytes, ...Array.from({ length: beside }, () => 1)]);
      for (const read of [unpackCall, unpackAnswer, (frame: Unpacker) => frame.latin1()]) {
        try {
          read(new Unpacker(chunk).over(0, bytes.length));
        } catch (error) {
          expect(error).to.satisfy((it: unknown) => it instanceof RangeError || it instanceof SyntaxError || it instanceof TypeError);
        }
      }
    }));
    const reaching = Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 65]);
    expect(() => new Unpacker(reaching).over(0, 13).latin1()).to.throw(RangeError);
    const many = Buffer.from([255, 255, 255, 255, 1, 0, 0, 0]);
    expect(() => new Unpacker(many).over(0, 8).latin1()).to.throw(RangeError);
  });

  it('carry a request as it came, and the worker reads its headers', () => {
    fc.assert(fc.property(LATIN1, LATIN1, fc.array(LATIN1, { maxLength: 6 }), fc.boolean(), (path, query, values, streams) => {
      const rawHeaders = values.flatMap((value, index) => [`X-Name-${index}`, value]);
      const arrived = { rawHeaders, socket: { remoteAddress: '10.0.0.7' } };
      const stream = streams ? (async function* none(): AsyncIterable<Buffer> {})() : undefined;
      const made = call({ request: request({ method: 'POST', path, query, arrived, body: Buffer.from('some'), stream }) });
      const { callId, request: got, isStreamed } = unpackCall(payloadOf((packer) => packCall(packer, made)));
      expect([callId, got.method, got.path, got.query, got.body.toString(), isStreamed]).to.deep.equal([made.callId, 'POST', path, query, 'some', streams]);
      const named = Object.fromEntries(values.map((value, index) => [`x-name-${index}`, value]));
      expect(got.headers).to.deep.equal({ ...named, 'x-call-id': made.callId, 'x-forwarded-for': '10.0.0.7' });
      expect(got.headers).to.equal(got.headers);
    }));
  });

  it('carry more headers than anybody has as the gateway reads them', () => {
    const rawHeaders = Array.from({ length: 600 }, (_, index) => index % 2 === 0 ? `n${index}` : 'v');
    const made = call({ request: request({ headers: { read: 'by the gateway' }, arrived: { rawHeaders, socket: {} } }) });
    expect(unpackCall(payloadOf((packer) => packCall(packer, made))).request.headers).to.deep.equal({ read: 'by the gateway' });
  });

  it('carry an answer with all that may come with it', () => {
    const plain: WorkerAnswer = { response: { status: 404, headers: { 'content-type': 'text/plain', 'x-umlaut': '\xe4' }, body: Buffer.from('no') }, writes: [], effects: [], telemetry: [] };
    const rich: WorkerAnswer = {
      response: { status: 200, headers: { 'set-cookie': ['a=1', 'b=2'], etag: '"x"' }, body: Buffer.alloc(0) },
      writes: [{ op: 'set', key: 'k', value: Buffer.from('v') }, { op: 'delete', key: 'gone' }, { op: 'append', key: 'l', values: [Buffer.from('1'), Buffer.from('2')] }],
      effects: [{ id: 'e', body: Buffer.from('{}') }], ttlMs: 0, telemetry: [{ level: 'info', target: 't', value: 1, atMs: 2 }],
    };
    for (const answer of [plain, rich]) expect(unpackAnswer(payloadOf((packer) => packAnswer(packer, answer)))).to.deep.equal(answer);
  });
});

describe('Numbered things', () => {
  it('are found by their numbers, whatever has come and gone', () => {
    const ids = fc.oneof(fc.nat(40), fc.nat(200_000), fc.integer({ min: 0xffff_ffd0, max: 0xffff_ffff }));
    fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), ids), { maxLength: 300 }), (steps) => {
      const numbered = new Numbered<{ id: number }>();
      const wanted = new Map<number, { id: number }>();
      for (const [comes, id] of steps) {
        if (!comes) {
          numbered.delete(id);
          wanted.delete(id);
        } else if (!wanted.has(id)) {
          wanted.set(id, { id });
          numbered.add(wanted.get(id)!);
        }
      }
      expect(numbered.size).to.equal(wanted.size);
      for (let id = 0; id <= 40; id += 1) expect(numbered.get(id)).to.equal(wanted.get(id));
      for (const [, id] of steps) expect(numbered.get(id)).to.equal(wanted.get(id));
      expect(numbered.list()).to.deep.equal([...wanted.values()].sort((left, right) => left.id - right.id));
    }), { numRuns: 500 });
  });
});
