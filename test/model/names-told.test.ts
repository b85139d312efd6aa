import { expect } from 'chai';
import { Fault, someOf } from '../../runtime/model/faults.js';

describe('names in a refusal', () => {
  it('are all of a few, and some of many, with how many more there are', () => {
    expect(someOf(['b', 'a'])).to.deep.equal(['b', 'a']);
    const deployed = someOf(Array.from({ length: 5_000 }, (_, index) => `f${index}`));
    expect(deployed).to.have.length(21);
    const { message } = new Fault('FUNCTION_UNKNOWN', { function: 'x', node: 'n', deployed });
    expect(message).to.match(/Deployed here: f0, .*, f19, and 4980 more\.$/);
  });
});
