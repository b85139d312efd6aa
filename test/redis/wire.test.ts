import { expect } from 'chai';
import { encodeList } from '../../runtime/store/codec.js';
import type { SessionData, Write } from '../../runtime/store/store.js';
import { Lettered } from '../../runtime/store/redis/resp.js';
import { Changes, decodeData, decodeWhole } from '../../runtime/store/redis/wire.js';

const LARGE = 16_384;

/** What a value of so many bytes reads as after the memory that it came in was used again. */
function readAfterwards(bytes: number): string {
  const head = Buffer.alloc(bytes + 1, 'x');
  head.write('v');
  const value = decodeWhole([head]) as Buffer;
  head.fill('y');
  return value.toString();
}

describe('a value from Redis', () => {
  it('lets go of the memory that a short one came in, and is not copied when it is long', () => {
    expect(readAfterwards(5)).to.equal('xxxxx');
    expect(readAfterwards(LARGE - 1)).to.equal('x'.repeat(LARGE - 1));
    expect(readAfterwards(LARGE)).to.equal('y'.repeat(LARGE));
  });

  it('is none where none was found', () => {
    expect(decodeWhole(null)).to.equal(undefined);
  });

  it('stands under its key beside the others', () => {
    expect([...decodeData([Buffer.from('é'), Buffer.from('v1'), Buffer.from('b'), Buffer.from('v')])])
      .to.deep.equal([['é', Buffer.from('1')], ['b', Buffer.alloc(0)]]);
  });

  it('is a list when it comes in chunks, beside other lists in chunks', () => {
    const inChunks = (key: string, values: string[]) => {
      const content = encodeList(values.map((value) => Buffer.from(value)));
      const [head, name] = [Buffer.alloc(9), (index: number) => Buffer.from(`${key}\0\0\0${String.fromCharCode(index)}`, 'latin1')];
      head.write('c');
      head.writeUInt32BE(values.length, 1);
      head.writeUInt32BE(content.length, 5);
      const chunks = content.length > LARGE ? [name(1), content.subarray(LARGE), name(0), content.subarray(0, LARGE)] : [name(0), content];
      return { cell: [Buffer.from(key), head], chunks };
    };
    const [short, long] = [['x', '', 'yz'], ['x'.repeat(LARGE - 4), 'end']];
    const [one, other] = [inChunks('one', short), inChunks('other', long)];
    const data = decodeData([...one.cell, ...other.cell], [...other.chunks, ...one.chunks]);
    expect([...data].map(([key, values]) => [key, (values as Buffer[]).map(String)])).to.deep.equal([['one', short], ['other', long]]);
  });
});

describe('a value on its way to Redis', () => {
  const value = Buffer.from('three');
  const cell = new Lettered('v', value);
  const argsOf = (write: Write, ...former: [SessionData?]) => new Changes().commitment({ writes: [write], former: former[0] }).args;
  const write: Write = { op: 'set', key: 'é', value };

  it('says by how many bytes its session grows, where it is known what was there', () => {
    expect(argsOf(write, new Map([['é', Buffer.from('1')]]))).to.deep.equal(['1', 'k', 'é', cell, '4']);
    expect(argsOf(write, new Map())).to.deep.equal(['1', 'k', 'é', cell, '7']);
  });

  it('leaves it to the script to look where that is not known, or was a list', () => {
    expect(argsOf(write)).to.deep.equal(['1', 's', 'é', cell]);
    expect(argsOf(write, new Map([['é', [Buffer.from('1')]]]))).to.deep.equal(['1', 's', 'é', cell]);
    expect(argsOf({ op: 'delete', key: 'é' }, new Map([['é', Buffer.from('1')]]))).to.deep.equal(['1', 'd', 'é']);
  });
});
