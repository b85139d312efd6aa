import { expect } from 'chai';
import { ErrorReply } from 'redis';
import type { Argument } from '../../runtime/store/redis/connection.js';
import { encodeCommand, Lettered, ReplyReader } from '../../runtime/store/redis/resp.js';

const wireOf = (args: Argument[]): string =>
  encodeCommand(args).map((piece) => (typeof piece === 'string' ? piece : piece.toString('latin1'))).join('');

/** Everything that a reader makes of these bytes when they come in chunks of the given size, whose memory is used again. */
function answersTo(wire: Buffer, chunkBytes: number): unknown[] {
  const answers: unknown[] = [];
  const reader = new ReplyReader();
  const memory = Buffer.alloc(chunkBytes);
  for (let at = 0; at < wire.length; at += chunkBytes) {
    const size = wire.copy(memory, 0, at, at + chunkBytes);
    reader.take(memory.subarray(0, size), (answer) => answers.push(answer));
  }
  return answers;
}

describe('a command on the wire', () => {
  it('has each argument behind the number of its bytes', () => {
    expect(wireOf(['SET', 'é', Buffer.from([0, 255, 13, 10])])).to.equal('*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$4\r\n\x00\xff\r\n\r\n');
    expect(wireOf(['', Buffer.alloc(0)])).to.equal('*2\r\n$0\r\n\r\n$0\r\n\r\n');
  });

  it('is one string, but for arguments that are too long to be copied', () => {
    expect(encodeCommand(['a', Buffer.from('b')])).to.have.length(1);
    const long = Buffer.alloc(10_000, 'x');
    expect(encodeCommand(['a', long, 'b'])[1]).to.equal(long);
    expect(wireOf(['a', long, 'b'])).to.equal(`*3\r\n$1\r\na\r\n$10000\r\n${'x'.repeat(10_000)}\r\n$1\r\nb\r\n`);
  });
});

describe('a value with its letter on the wire', () => {
  it('is one argument, however long it is, and the same in one piece', () => {
    for (const bytes of [0, 1, 4_096, 10_000]) {
      const cell = new Lettered('v', Buffer.alloc(bytes, 0xe9));
      expect(wireOf(['a', cell, 'b']), `${bytes} bytes`).to.equal(`*3\r\n$1\r\na\r\n$${bytes + 1}\r\nv${'\xe9'.repeat(bytes)}\r\n$1\r\nb\r\n`);
      expect(wireOf([cell])).to.equal(wireOf([cell.joined()]));
      expect(cell.length).to.equal(bytes + 1);
    }
  });

  it('is sent from where it is when it is too long to be copied', () => {
    const long = Buffer.alloc(10_000, 'x');
    expect(encodeCommand(['a', new Lettered('v', long)])[1]).to.equal(long);
  });
});

describe('answers on the wire', () => {
  const wire = Buffer.from(`:12\r\n:-3\r\n+OK\r\n$-1\r\n*-1\r\n*0\r\n*3\r\n$4\r\na\r\nb\r\n$0\r\n\r\n*2\r\n:1\r\n$-1\r\n-NOSCRIPT none\r\n$500\r\n${'y'.repeat(500)}\r\n:0\r\n`);

  it('are the same however they are cut', () => {
    const expected = [12, -3, 'OK', null, null, [], [Buffer.from('a\r\nb'), Buffer.alloc(0), [1, null]], Buffer.alloc(500, 'y'), 0];
    for (const size of [1, 2, 3, 5, 7, 50, 333, wire.length]) {
      const answers = answersTo(wire, size);
      const [error] = answers.splice(7, 1) as [Error];
      expect(error).to.be.instanceOf(ErrorReply).and.to.have.property('message', 'NOSCRIPT none');
      expect(answers, `in chunks of ${size}`).to.deep.equal(expected);
    }
  });

  it('are the same with long values, alone and in lists, and hold on to what they are after the next ones have come', () => {
    const [long, longer] = [Buffer.alloc(20_000, 'l'), Buffer.alloc(300_000, 'm')];
    const bulk = (value: Buffer) => Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
    const answers = Buffer.concat([bulk(longer), Buffer.from(':1\r\n*3\r\n'), bulk(long), bulk(longer), bulk(long), bulk(long), Buffer.from(':2\r\n')]);
    for (const size of [1_000, 65_536, 200_000, answers.length]) {
      const found = answersTo(Buffer.concat([answers, answers]), size).flat();
      const wanted = [longer, 1, long, longer, long, long, 2];
      expect(found).to.have.length(2 * wanted.length);
      for (const [at, one] of [...wanted, ...wanted].entries()) {
        const isSame = Buffer.isBuffer(one) ? one.equals(found[at] as Buffer) : one === found[at];
        expect(isSame, `answer ${at} in chunks of ${size}`).to.equal(true);
      }
    }
  });

  const NO_ANSWERS: [string, string][] = [
    ['of another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'], ['a length that is no number', '$ab\r\n'], ['no length', '$\r\n'], ['a length below none', '$-7\r\n'],
    ['a count below none', '*-2\r\n'], ['longer than a value can be', '$99999999999\r\n'], ['a value that goes on behind its end', '$3\r\nabcdef\r\n'],
    ['lists within lists without an end', '*1\r\n'.repeat(100_000)], ['a line without an end', `+${'x'.repeat(200_000)}`], ['a number without an end', `:${'1'.repeat(200_000)}`],
    ['a number whose line does not end', ':12\rx'],
  ];
  for (const [what, text] of NO_ANSWERS) {
    it(`are refused when they are none: ${what}`, () => {
      for (const size of [64, 65_536]) expect(() => answersTo(Buffer.from(text), size), `in chunks of ${size}`).to.throw(RangeError);
    });
  }

  it('are cut once, in however many reads a list comes', () => {
    const count = 2_000;
    const item = '*3\r\n$1\r\nd\r\n$4\r\nname\r\n-ERR one\r\n';
    const wire = Buffer.from(`*${count}\r\n${item.repeat(count)}:7\r\n`);
    const { from } = Buffer;
    let copied = 0;
    Buffer.from = ((...args: Parameters<typeof from>) => {
      copied += 1;
      return from(...args);
    }) as typeof from;
    try {
      const answers = answersTo(wire, 100);
      expect(answers).to.have.length(2);
      expect(answers[0]).to.have.length(count);
    } finally {
      Buffer.from = from;
    }
    expect(copied).to.equal(2 * count);
  });
});
