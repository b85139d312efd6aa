import { expect } from 'chai';
import { testRequest } from 'xylem';
import cpuBurn from './handler.js';

describe('cpu-burn', () => {
  it('goes on until the time has passed', () => {
    let time = 0;
    const clock = (): number => time += 1;
    expect(cpuBurn(testRequest({ query: { ms: '5' } }), undefined, clock)).to.deep.equal({ ms: 5, rounds: 4 });
  });

  it('refuses what is no time, or too long', () => {
    for (const ms of ['x', '-1', '60001']) expect(cpuBurn(testRequest({ query: { ms } }))).to.include({ status: 400 });
  });
});
