import { expect } from 'chai';
import emptyFunction from './handler.js';

describe('empty-function', () => {
  it('answers nothing', () => {
    expect(emptyFunction()).to.equal('');
  });
});
