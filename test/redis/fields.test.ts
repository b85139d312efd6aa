import { expect } from 'chai';
import { declareFields, readFields } from '../../runtime/store/redis/fields.js';

describe('the fields of a session in Redis', () => {
  it('are read by name, as many as are wanted', () => {
    expect(readFields(['state'])).to.equal('local state = unpack(redis.call(\'HMGET\', slotKey, \'state\'))');
    expect(readFields(['epoch', 'rest'])).to.equal('local epoch, rest = unpack(redis.call(\'HMGET\', slotKey, \'epoch\', \'rest\'))');
  });

  it('are not read by a script when nobody has declared them', () => {
    expect(() => readFields(['state', 'colour', 'smell'])).to.throw('a script reads the field colour');
  });

  it('are in one list each, but for what is made of others', () => {
    const [rest, ...lists] = declareFields().split('\n').map((line) => [...line.matchAll(/'(\w+)'/g)].map(([, name]) => name!));
    expect(lists).to.have.length(3);
    expect(new Set(lists.flat()).size).to.equal(lists.flat().length);
    expect(lists[0]).to.have.members(['state', 'epoch', 'incarnation', 'copying']);
    expect(rest).to.include.members(lists[0]!);
  });
});
