import { expect } from 'chai';
import { someOf } from '../../runtime/model/faults.js';
import { functionUnknown, nodeUnknown } from '../../runtime/model/unknown.js';

describe('names in a refusal', () => {
  it('are all of a few, and some of many, with how many more there are', () => {
    expect(someOf(['b', 'a'])).to.deep.equal(['b', 'a']);
    const many = Array.from({ length: 5_000 }, (_, index) => `f${index}`);
    const fault = functionUnknown('x', 'n', many);
    expect(fault.details).to.deep.include({ function: 'x', node: 'n' }).and.to.have.property('deployed').with.length(21);
    expect(fault.message).to.match(/Deployed here: f0, .*, f19, and 4980 more\.$/);
    expect(nodeUnknown('x', many).message).to.match(/Nodes known here: f0, .*, f19, and 4980 more\.$/);
  });
});
