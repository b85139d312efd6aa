import { expect } from 'chai';
import type { Item } from '../../runtime/store/store.js';
import { decodeStream, decodeWhole, encodeStream, encodeWhole, StreamBroken } from '../../runtime/offload/stream.js';

const ITEMS: Item[] = [
  { kind: 'value', key: 'naïve "key"\0', value: Buffer.from([0, 255, 1]) },
  { kind: 'value', key: 'empty', value: Buffer.alloc(0) },
  { kind: 'list', key: 'list', values: [Buffer.from('a'), Buffer.alloc(0), Buffer.from('c')] },
  { kind: 'list', key: 'empty list', values: [] },
  { kind: 'deleted', key: 'gone' },
  { kind: 'reply', reply: { key: 'f\nid', digest: 'd', atMs: 5, body: Buffer.from('answer') } },
  { kind: 'reply', reply: { key: 'f\nid2', digest: 'd', atMs: 6 } },
  { kind: 'effect', effect: { id: 'e1', body: Buffer.from('effect') } },
  { kind: 'effect-done', id: 'e0' },
  { kind: 'mark', lane: 'life/propagate/f', row: Buffer.from('7 8 200 9') },
  { kind: 'mark-gone', lane: 'another' },
];

async function bytesOf(items: Item[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of encodeStream({ kind: 'head' }, [items])) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function itemsOf(source: AsyncIterable<Buffer>): Promise<Item[]> {
  const { batches } = await decodeStream(source);
  const items: Item[] = [];
  for await (const batch of batches) items.push(...batch);
  return items;
}

describe('the stream between peers', () => {
  for (const size of [1, 3, 7, 64, 1 << 20]) {
    it(`carries every kind of item in chunks of ${size} bytes`, async () => {
      expect(await itemsOf(inChunks(await bytesOf(ITEMS), size))).to.deep.equal(ITEMS);
    });
  }

  it('is the same in one piece', async () => {
    const whole = encodeWhole({ kind: 'head' }, ITEMS);
    expect(whole.equals(await bytesOf(ITEMS))).to.equal(true);
    expect(decodeWhole(whole)).to.deep.equal({ head: { kind: 'head' }, items: ITEMS });
  });

  it('splits a long list and goes on where it left off', async () => {
    const values = Array.from({ length: 40 }, (_, index) => Buffer.alloc(50_000, index));
    const items = await itemsOf(inChunks(await bytesOf([{ kind: 'list', key: 'long', values }]), 100_000));
    expect(items.length).to.be.greaterThan(1);
    expect(items.map((item) => item.kind === 'list' && item.more === true)).to.deep.equal([false, ...items.slice(1).map(() => true)]);
    expect(items.flatMap((item) => (item.kind === 'list' ? item.values : []))).to.deep.equal(values);
  });

  it('is an abort when it ends without its end mark, wherever it is cut', async () => {
    const whole = await bytesOf(ITEMS);
    for (let length = 0; length < whole.length; length += 1) {
      const outcome = await itemsOf(inChunks(whole.subarray(0, length), 1 << 20)).then(() => 'complete', (error: unknown) => error);
      expect(outcome, `cut after ${length} bytes`).to.be.instanceOf(StreamBroken);
      expect(() => decodeWhole(whole.subarray(0, length)), `cut after ${length} bytes`).to.throw(StreamBroken);
    }
  });

  it('notices a changed byte of an item', async () => {
    const bytes = await bytesOf([{ kind: 'value', key: 'k', value: Buffer.from('value') }]);
    bytes[bytes.indexOf('value') + 1]! ^= 1;
    expect(await itemsOf(inChunks(bytes, 1 << 20)).then(() => 'complete', (error: unknown) => error)).to.be.instanceOf(StreamBroken);
  });

  it('refuses a frame larger than any value may be', async () => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(1 << 30);
    expect(await itemsOf(inChunks(bytes, 8)).then(() => 'complete', (error: unknown) => error)).to.be.instanceOf(StreamBroken);
  });
});
