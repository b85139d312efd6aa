import { expect } from 'chai';
import { parseJson } from '../../runtime/base/parse-json.js';

describe('JSON that is none', () => {
  it('is refused with the place where it breaks, and quotes nothing that may be a password', () => {
    for (const [text, place] of [['{"password": "s3cret", nonsense s3cret}', 'position 23'], ['s3cret', 'no JSON at all'], ['{"password": "s3cret"', '']] as const) {
      for (const body of [text, Buffer.from(text)]) expect(() => parseJson(body), text).to.throw(/^The body is not valid JSON: (?!.*s3cret)/).with.property('message').that.includes(place);
    }
    expect(() => parseJson('{', 'line 3: ')).to.throw('line 3: ');
    expect([parseJson(''), parseJson(Buffer.from('{"a": 1}'))]).to.deep.equal([undefined, { a: 1 }]);
  });
});
