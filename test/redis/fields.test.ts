import { expect } from 'chai';
import type { Slot } from '../../runtime/model/record.js';
import { blank } from '../../runtime/model/step/outcome.js';
import { declareFields, FIELDS, readFields } from '../../runtime/store/redis/fields.js';

describe('the fields of a session in Redis', () => {
  it('are read by name, as many as are wanted', () => {
    expect(readFields(['state'])).to.equal('local state = unpack(redis.call(\'HMGET\', slotKey, \'state\'))');
    expect(readFields(['epoch', 'rest'])).to.equal('local epoch, rest = unpack(redis.call(\'HMGET\', slotKey, \'epoch\', \'rest\'))');
  });

  it('are not read by a script when nobody has declared them', () => {
    expect(() => readFields(['state', 'colour', 'smell'])).to.throw('a script reads the field colour');
  });

  const listed = () => Object.fromEntries(declareFields().split('\n').map((line) => {
    const [, name, list] = /^local (\w+) = \{(.*)\}$/.exec(line)!;
    return [name!, list!.split(', ').map((quoted) => quoted.slice(1, -1))];
  }));

  it('are in one list each, but for what is made of others', () => {
    const { REST, TWINS, NUMBERS, TEXTS } = listed();
    const all = [...TWINS!, ...NUMBERS!, ...TEXTS!];
    expect([...all].sort()).to.deep.equal(Object.keys(FIELDS).filter((name) => name !== 'rest').sort());
    expect(TWINS).to.have.members(['state', 'epoch', 'incarnation', 'copying']);
    expect(REST).to.include.members(TWINS!);
  });

  it('have a place for everything that a slot may have', () => {
    const slot = blank('s', 'cart', { node: 'milan', nowMs: 1 });
    const now: (keyof Slot)[] = ['lease', 'copying', 'leaving', 'arriving', 'bornBy'];
    const { REST, TWINS, NUMBERS, TEXTS } = listed();
    expect([...REST!, ...NUMBERS!, ...TEXTS!]).to.include.members([...Object.keys(slot), ...now]);
    expect(REST!.filter((name) => NUMBERS!.includes(name) || TEXTS!.includes(name))).to.deep.equal([]);
    expect([...REST!, ...TWINS!, ...TEXTS!]).not.to.include('');
  });

  it('are numbers where the scripts count with them', () => {
    expect(listed()['NUMBERS']).to.have.members(['version', 'ttlMs', 'lastAccessAtMs', 'bytes', 'firstReply', 'nextReply', 'effects', 'nextEffect']);
  });
});
