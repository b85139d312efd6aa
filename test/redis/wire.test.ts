import { expect } from 'chai';
import { decodeData, decodeWhole } from '../../runtime/store/redis/wire.js';

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
});
