import { expect } from 'chai';
import { verdictsOf } from '../../bench/pause/promises.js';

const GOOD = {
  write_pause_1kb_p50_ms: 0.9, write_pause_1kb_p99_ms: 2, pause_floor_1kb_p99_ms: 1.5, move_errors_1kb: 0,
  write_pause_64mb_p50_ms: 1, write_pause_64mb_p99_ms: 3, pause_floor_64mb_p99_ms: 1.5, move_errors_64mb: 0,
};
const missed = (figures: Record<string, number>) => verdictsOf({ ...GOOD, ...figures }).filter(({ isMet }) => !isMet).map(({ says }) => says);

describe('the promises about the pause of a move', () => {
  it('are met by a run within all of its bounds', () => {
    expect(missed({})).to.deep.equal([]);
    expect(verdictsOf(GOOD)).to.have.length(8);
  });

  it('are missed by a long pause, by one far above the floor, by one that grows with the session, and by an error', () => {
    expect(missed({ write_pause_1kb_p50_ms: 1.1 })).to.deep.equal(['1.1 ≤ 1  ms of pause, p50, of a session of 1kb']);
    expect(missed({ write_pause_64mb_p99_ms: 3.1 })).to.deep.equal(['3.1 ≤ 3  ms of pause, p99, of a session of 64mb: 2 × the floor\'s p99 in the same run']);
    expect(missed({ write_pause_64mb_p99_ms: 6 })).to.have.length(2);
    expect(missed({ write_pause_1kb_p50_ms: 0.5 })).to.deep.equal(['1 ≤ 0.75  ms of pause, p50, at 64 MB: 1.5 × that at 1 KB']);
    expect(missed({ move_errors_64mb: 1 })).to.deep.equal(['1 ≤ 0  errors that clients saw']);
  });

  it('do not hold a bound against a machine whose floor is above it', () => {
    expect(missed({ pause_floor_1kb_p99_ms: 10, write_pause_1kb_p99_ms: 19 })).to.deep.equal([]);
  });

  it('say nothing of what was not measured', () => {
    expect(verdictsOf({ write_pause_one8mb_p50_ms: 90, move_errors_one8mb: 0 }).map(({ isMet }) => isMet)).to.deep.equal([true]);
  });
});
