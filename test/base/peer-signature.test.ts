import { expect } from 'chai';
import type { Clock } from '../../runtime/base/clock.js';
import { systemIds } from '../../runtime/base/ids.js';
import { assertBody, createPeerSigner, createPeerVerifier, sha256Hex } from '../../runtime/base/peer-signature.js';
import { Fault } from '../../runtime/model/faults.js';
import { PEER_SKEW_MS } from '../../runtime/model/limits.js';

const clockAt = (nowMs: number): Clock => ({ now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined });
const signerAt = (nowMs: number, key = 'k') => createPeerSigner({ node: 'milan 001;ö', key, clock: clockAt(nowMs), ids: systemIds });
const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
  } catch (error) {
    return (error as Fault).code;
  }
  return undefined;
};

describe('A signed call between nodes', () => {
  const NOW = 1_700_000_000_000;
  const call = { method: 'POST', path: '/peer/ask?x=1', body: Buffer.from('{}') };

  it('names its node and the hash of its body', () => {
    const verified = createPeerVerifier({ key: 'k', clock: clockAt(NOW) }).verify(signerAt(NOW).sign(call), 'POST', '/peer/ask?x=1');
    expect(verified).to.deep.equal({ peer: 'milan 001;ö', bodySha256: sha256Hex('{}') });
    expect(codeOf(() => assertBody(verified, sha256Hex('{ }')))).to.equal('UNAUTHORIZED');
    expect(codeOf(() => assertBody(verified, sha256Hex('{}')))).to.equal(undefined);
  });

  it('is refused with another key, method, path, query, or with any part changed', () => {
    const verifier = createPeerVerifier({ key: 'k', clock: clockAt(NOW) });
    const header = signerAt(NOW).sign(call);
    expect(codeOf(() => verifier.verify(signerAt(NOW, 'other').sign(call), 'POST', call.path))).to.equal('UNAUTHORIZED');
    expect(codeOf(() => verifier.verify(header, 'GET', call.path))).to.equal('UNAUTHORIZED');
    expect(codeOf(() => verifier.verify(header, 'POST', '/peer/ask?x=2'))).to.equal('UNAUTHORIZED');
    expect(codeOf(() => verifier.verify(header.replace('milan', 'turin'), 'POST', call.path))).to.equal('UNAUTHORIZED');
    expect(codeOf(() => verifier.verify(header.replace(`time=${NOW}`, `time=${NOW + 1}`), 'POST', call.path))).to.equal('UNAUTHORIZED');
    for (const odd of ['', 'v1', 'v2 node=a', `${header};more`, header.slice(0, -1)]) {
      expect(codeOf(() => verifier.verify(odd, 'POST', call.path)), odd).to.equal('UNAUTHORIZED');
    }
    expect(codeOf(() => verifier.verify(header, 'POST', call.path)), 'the unchanged one').to.equal(undefined);
  });

  it('is refused beyond the allowed difference of clocks, both ways', () => {
    const verifier = createPeerVerifier({ key: 'k', clock: clockAt(NOW) });
    for (const [at, code] of [
      [NOW - PEER_SKEW_MS, undefined], [NOW + PEER_SKEW_MS, undefined],
      [NOW - PEER_SKEW_MS - 1, 'CLOCKS_APART'], [NOW + PEER_SKEW_MS + 1, 'CLOCKS_APART'],
    ] as const) {
      expect(codeOf(() => verifier.verify(signerAt(at).sign(call), 'POST', call.path)), String(at - NOW)).to.equal(code);
    }
  });

  it('is accepted once, also after its nonce had to make room for newer ones', () => {
    const verifier = createPeerVerifier({ key: 'k', clock: clockAt(NOW), maxNonces: 2 });
    const verify = (header: string) => codeOf(() => verifier.verify(header, 'POST', call.path));
    const headers = [0, 1, 2, 3].map((ms) => signerAt(NOW + ms).sign(call));
    expect(headers.map(verify)).to.deep.equal([undefined, undefined, undefined, undefined]);
    expect(headers.map(verify)).to.deep.equal(Array(4).fill('REPLAYED_CALL'));
  });
});
