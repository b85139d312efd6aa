import { expect } from 'chai';
import { Fault } from '../../runtime/model/faults.js';
import { parseStoreUrl } from '../../runtime/store/redis/url.js';

describe('the address of a store', () => {
  const cases: [string, object][] = [
    ['redis://host', { shown: 'redis://host:6379', socket: { host: 'host', port: 6379 }, database: undefined }],
    ['redis://:s%3Acret@host:7000/2', { shown: 'redis://host:7000/2', socket: { host: 'host', port: 7000 }, password: 's:cret', database: 2 }],
    ['redis://ann:pw@[::1]:7000', { shown: 'redis://[::1]:7000', socket: { host: '::1', port: 7000 }, username: 'ann', password: 'pw', database: undefined }],
    ['rediss://host', { shown: 'rediss://host:6379', socket: { host: 'host', port: 6379, tls: true }, database: undefined }],
    ['unix:///run/my%20store.sock', { shown: 'unix:///run/my store.sock', socket: { path: '/run/my store.sock', tls: false }, database: undefined }],
    ['redis+unix:///run/store.sock?db=3', { shown: 'unix:///run/store.sock', socket: { path: '/run/store.sock', tls: false }, database: 3 }],
  ];
  for (const [text, expected] of cases) {
    it(`is read from ${text}`, () => { expect(parseStoreUrl(text)).to.deep.equal(expected); });
  }

  for (const text of ['', 'nonsense', 'http://host', 'redis://', 'unix://', 'unix://host/path', 'redis://:secret@host/x', 'redis://%zz:secret@host', 'redis://:secret@host?db=3', 'redis://:secret@host/2#x',
    'unix:///run/store.sock?database=3', 'redis://host/-1', 'redis://host/1/', 'redis://:secret@']) {
    it(`is refused when it is ${JSON.stringify(text)}, without repeating a password`, () => {
      expect(() => parseStoreUrl(text)).to.throw(Fault).that.satisfies((fault: Fault) =>
        fault.code === 'PARAMETER_INVALID' && !JSON.stringify(fault).includes('secret'));
    });
  }
});
