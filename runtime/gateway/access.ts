/** Who may administer: the node's admin by basic authentication, or a peer by the domain's key. */
import type { IncomingMessage } from 'node:http';
import { acceptsBasic, type Credentials } from '../base/credentials.js';
import { assertBody, PEER_SIGNATURE_HEADER, type PeerVerifier, sha256Hex } from '../base/peer-signature.js';
import type { Caller } from '../base/reply.js';
import { Fault } from '../model/faults.js';

export interface Admitted {
  caller: Caller;
  /** To be called with the whole body's hex SHA-256 before anything is done with it. */
  assertBodyHash(sha256: string): void;
  assertBody(body: Buffer): void;
}

export interface Access {
  /** Judges the headers alone, so that nothing of an unknown caller is read. Throws UNAUTHORIZED or REPLAYED_CALL. */
  admit(request: IncomingMessage): Admitted;
}

const BY_PASSWORD: Admitted = { caller: 'admin', assertBodyHash: () => undefined, assertBody: () => undefined };

export function createAccess(credentials: Credentials, verifier: PeerVerifier): Access {
  return {
    admit(request) {
      const signature = request.headers[PEER_SIGNATURE_HEADER];
      if (typeof signature !== 'string') {
        if (acceptsBasic(credentials, request.headers.authorization)) return BY_PASSWORD;
        throw new Fault('UNAUTHORIZED');
      }
      const verified = verifier.verify(signature, request.method!, request.url!);
      return {
        caller: { peer: verified.peer },
        assertBodyHash: (sha256) => assertBody(verified, sha256),
        assertBody: (body) => assertBody(verified, sha256Hex(body)),
      };
    },
  };
}
