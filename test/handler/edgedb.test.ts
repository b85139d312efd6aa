import { expect } from 'chai';
import { SessionEdgeDB } from '../../runtime/handler/edgedb.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../../runtime/model/limits.js';
import type { SessionData } from '../../runtime/store/store.js';
import { faultOf, session, text } from './support.js';

const stored = (): SessionData => new Map<string, Buffer | Buffer[]>([
  ['name', text('Anna')], ['photo', Buffer.from([0x62, 0, 255])], ['cart', [text('apple')]],
]);

for (const large of [false, true]) {
  describe(`EdgeDB over a ${large ? 'large session, key by key' : 'small session, whole'}`, () => {
    const open = (readOnly = false): SessionEdgeDB => new SessionEdgeDB(session(stored(), { large }), readOnly);

    it('gives text as text and bytes as bytes', async () => {
      const db = open();
      expect(await db.get('name')).to.equal('Anna');
      expect(await db.get<Buffer>('photo')).to.deep.equal(Buffer.from([0, 255]));
      expect(await db.getList('cart')).to.deep.equal(['apple']);
    });

    it('reads an absent key as undefined and an absent list as empty', async () => {
      const db = open();
      expect(await db.get('nobody')).to.equal(undefined);
      expect(await db.getList('nobody')).to.deep.equal([]);
      expect(await db.has('nobody')).to.equal(false);
      expect(await db.has('name')).to.equal(true);
    });

    it('shows a request its own writes', async () => {
      const db = open();
      await db.set('name', 'Bea');
      await db.set('note', new Uint8Array([1, 2]));
      await db.addToList('cart', 'pear', 'fig');
      await db.addToList('cart', 'apple');
      await db.addToList('wishes', 'plum');
      await db.delete('photo');
      expect(await db.get('name')).to.equal('Bea');
      expect(await db.get<Buffer>('note')).to.deep.equal(Buffer.from([1, 2]));
      expect(await db.getList('cart')).to.deep.equal(['apple', 'pear', 'fig', 'apple']);
      expect(await db.getList('wishes')).to.deep.equal(['plum']);
      expect(await db.has('photo')).to.equal(false);
      expect(await db.keys()).to.deep.equal(['cart', 'name', 'note', 'wishes']);
    });

    it('lets the writes of a request leave as one list, one write a key', async () => {
      const db = open();
      await db.set('name', 'Bea');
      await db.set('name', 'Cleo');
      await db.addToList('cart', 'pear');
      await db.addToList('cart', 'fig');
      await db.setList('list', ['a']);
      await db.addToList('list', 'b');
      await db.delete('photo');
      expect(db.finish()).to.deep.equal([
        { op: 'set', key: 'name', value: text('Cleo') },
        { op: 'append', key: 'cart', values: [text('pear'), text('fig')] },
        { op: 'setList', key: 'list', values: [text('a'), text('b')] },
        { op: 'delete', key: 'photo' },
      ]);
    });

    it('makes a list of a key that was deleted or set by the same request', async () => {
      const db = open();
      await db.delete('cart');
      await db.addToList('cart', 'fig');
      await db.addToList('name', 'x');
      expect(await db.getList('cart')).to.deep.equal(['fig']);
      expect(await db.getList('name')).to.deep.equal(['x']);
      expect(db.finish()[0]).to.deep.equal({ op: 'setList', key: 'cart', values: [text('fig')] });
    });

    it('says so when a list is read as a value or a value as a list', async () => {
      expect((await faultOf(open().get('cart'))).message).to.contain('getList');
      expect((await faultOf(open().getList('name'))).message).to.contain('with get');
    });

    it('refuses every write of a read-only function', async () => {
      const db = open(true);
      for (const writing of [db.set('a', 'b'), db.delete('name'), db.addToList('cart', 'x'), db.setList('a', []), db.expire(1)]) {
        expect((await faultOf(writing)).message).to.contain('ReadOnlyOffloadable');
      }
      expect(db.finish()).to.deep.equal([]);
    });
  });
}

describe('EdgeDB', () => {
  const open = (data: SessionData): SessionEdgeDB => new SessionEdgeDB(session(data), false);

  it('never lets a handler touch the stored bytes, nor its own once they are set', async () => {
    const data = stored();
    const db = open(data);
    (await db.get<Buffer>('photo'))!.fill(9);
    const mine = Buffer.from('mine');
    await db.set('mine', mine);
    mine.fill(0);
    await db.addToList('cart', 'pear');
    expect(data).to.deep.equal(stored());
    expect(await db.get<Buffer>('mine')).to.deep.equal(Buffer.from('mine'));
  });

  it('keeps empty text and empty bytes apart, and any Unicode', async () => {
    const db = open(new Map());
    for (const value of ['', 'è\u0000🌳', Buffer.alloc(0)]) {
      await db.set('k', value);
      expect(await db.get('k')).to.deep.equal(value);
    }
  });

  it('refuses a value or a key that is too large, and what is neither text nor bytes', async () => {
    const db = open(new Map());
    expect(await faultOf(db.set('k', 'x'.repeat(MAX_VALUE_BYTES)))).to.include({ code: 'VALUE_TOO_LARGE' });
    expect(await faultOf(db.addToList('k', Buffer.alloc(MAX_VALUE_BYTES)))).to.include({ code: 'VALUE_TOO_LARGE' });
    expect(await faultOf(db.set('k'.repeat(MAX_KEY_BYTES + 1), 'x'))).to.include({ code: 'KEY_INVALID' });
    expect(await faultOf(db.get(''))).to.include({ code: 'KEY_INVALID' });
    expect((await faultOf(db.set('k', 5 as never))).message).to.contain('number');
    expect(db.finish()).to.deep.equal([]);
  });

  it('does not write what a deletion of an absent key would not change', async () => {
    const db = open(new Map());
    await db.delete('nobody');
    expect(db.finish()).to.deep.equal([]);
  });

  it('takes the time to live in seconds', async () => {
    const db = open(new Map());
    await db.expire(1.5);
    expect(db.ttlMs).to.equal(1500);
    expect((await faultOf(db.expire(Number.NaN))).message).to.contain('seconds');
  });

  it('is closed once the request is answered', async () => {
    const db = open(new Map());
    db.finish();
    expect((await faultOf(db.set('late', 'x'))).message).to.contain('await');
  });
});
