import { expect } from 'chai';
import fc from 'fast-check';
import { parseFunctionPath, redirectTo } from '../../runtime/base/function-path.js';

describe('The path of a function call', () => {
  it('is name, path and query, as they came', () => {
    expect(parseFunctionPath('/function/cart')).to.deep.equal({ name: 'cart', path: '', query: '' });
    expect(parseFunctionPath('/function/cart/')).to.deep.equal({ name: 'cart', path: '/', query: '' });
    expect(parseFunctionPath('/function/cart/a%2Fb//c?x=1&y=/z?')).to.deep.equal({ name: 'cart', path: '/a%2Fb//c', query: 'x=1&y=/z?' });
    expect(parseFunctionPath('/function/cart?a/b')).to.deep.equal({ name: 'cart', path: '', query: 'a/b' });
    expect(parseFunctionPath('/function//cart').name).to.equal('');
    expect(parseFunctionPath('/function/%zz').name).to.equal('%zz');
  });

  it('loses the marks of a redirect wherever they stand, and only those', () => {
    expect(parseFunctionPath('/function/f/p?a=1&session-home=milan%20001&b=2&session-hops=2&session-hope=3')).to.deep.equal({
      name: 'f', path: '/p', query: 'a=1&b=2&session-hope=3', redirectedHome: 'milan 001', hops: 2,
    });
  });

  it('comes back unchanged from any redirect, whatever it contains', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '/', '=', '&', '%', '.', '%20', 'session-ho', '?') });
    fc.assert(fc.property(text, text, fc.string({ minLength: 1 }), fc.integer({ min: 0, max: 999 }), (tail, query, home, hops) => {
      const at = parseFunctionPath(`/function/cart/${tail.replaceAll('?', '')}?${query}`);
      const location = new URL(redirectTo('http://h:1/', at, home, hops));
      const again = parseFunctionPath(redirectTo('', at, home, hops));
      expect(location.origin).to.equal('http://h:1');
      expect(again).to.deep.equal({ ...at, redirectedHome: home, hops });
    }));
  });

  it('never makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), (rest) => {
      expect(parseFunctionPath(`/function/${rest}`)).to.have.property('name');
    }));
  });
});
