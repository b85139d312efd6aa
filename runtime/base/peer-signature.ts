/**
 * Calls between nodes are signed with the domain's key, in one header:
 * `X-peer-signature: v1 node=<name>;time=<ms>;nonce=<uuid>;body=<sha256 hex>;mac=<hex>`, where mac is
 * the HMAC-SHA256 of those values with the method and the path with its query. Each call is signed
 * afresh and accepted once.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Fault } from '../model/faults.js';
import { MAX_PEER_NONCES, PEER_SKEW_MS } from '../model/limits.js';
import type { Clock } from './clock.js';
import type { Ids } from './ids.js';

export const PEER_SIGNATURE_HEADER = 'x-peer-signature';

export interface SignedCall {
  method: string;
  /** Path with its query, as it stands in the request line. */
  path: string;
  body?: Uint8Array;
}

export interface PeerSigner {
  /** Value of the signature header. */
  sign(call: SignedCall): string;
}

export interface VerifiedPeer {
  /** Name of the node that signed. */
  peer: string;
  /** Hex SHA-256 that the body must have; check it with `assertBody` once the body is read. */
  bodySha256: string;
}

export interface PeerVerifier {
  /** Throws UNAUTHORIZED (wrong key, other request), CLOCKS_APART or REPLAYED_CALL. */
  verify(header: string, method: string, path: string): VerifiedPeer;
}

interface Claims {
  node: string;
  timeMs: number;
  nonce: string;
  body: string;
  mac: string;
}

const FORM = /^v1 node=([^;\s]{1,768});time=(\d{1,15});nonce=([\w-]{16,64});body=([0-9a-f]{64});mac=([0-9a-f]{64})$/;

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Throws UNAUTHORIZED when the body is not the one that was signed. */
export function assertBody(verified: VerifiedPeer, sha256: string): void {
  if (verified.bodySha256 !== sha256) throw new Fault('UNAUTHORIZED');
}

export function createPeerSigner(parts: { node: string; key: string; clock: Clock; ids: Ids }): PeerSigner {
  return {
    sign(call) {
      const claims = {
        node: encodeURIComponent(parts.node), timeMs: parts.clock.now(), nonce: parts.ids.uuid(), body: sha256Hex(call.body ?? ''),
      };
      const mac = macOf(parts.key, call.method, call.path, claims).toString('hex');
      return `v1 node=${claims.node};time=${claims.timeMs};nonce=${claims.nonce};body=${claims.body};mac=${mac}`;
    },
  };
}

export function createPeerVerifier(parts: { key: string; clock: Clock; maxNonces?: number; skewMs?: number }): PeerVerifier {
  const { key, clock, maxNonces = MAX_PEER_NONCES, skewMs = PEER_SKEW_MS } = parts;
  const seen = new NonceMemory(maxNonces);
  return {
    verify(header, method, path) {
      const claims = claimsOf(header);
      if (!claims) throw new Fault('UNAUTHORIZED');
      if (!timingSafeEqual(Buffer.from(claims.mac, 'hex'), macOf(key, method, path, claims))) throw new Fault('UNAUTHORIZED');
      const now = clock.now();
      const apartMs = Math.abs(now - claims.timeMs);
      if (apartMs > skewMs) throw new Fault('CLOCKS_APART', { seconds: Math.round(apartMs / 1_000), most: Math.round(skewMs / 1_000) });
      if (!seen.add(claims.nonce, claims.timeMs, now - skewMs)) throw new Fault('REPLAYED_CALL');
      return { peer: nameOf(claims.node), bodySha256: claims.body };
    },
  };
}

function claimsOf(header: string): Claims | undefined {
  const [, node, time, nonce, body, mac] = FORM.exec(header) ?? [];
  if (!node || !time || !nonce || !body || !mac) return undefined;
  return { node, timeMs: Number(time), nonce, body, mac };
}

function macOf(key: string, method: string, path: string, claims: Omit<Claims, 'mac'>): Buffer {
  // Line breaks cannot stand in any of the parts, so joining by them is unambiguous.
  const text = ['v1', method.toUpperCase(), path, claims.node, claims.timeMs, claims.nonce, claims.body].join('\n');
  return createHmac('sha256', key).update(text).digest();
}

function nameOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new Fault('UNAUTHORIZED');
  }
}

/**
 * Nonces of accepted calls, for as long as their time stamps would be accepted. When it is full the
 * oldest goes and nothing as old as it is accepted any more, so it is bounded and yet never lets a repeat pass.
 */
class NonceMemory {
  private readonly timeOf = new Map<string, number>();
  private floorMs = -Infinity;

  constructor(private readonly most: number) {}

  /** False when the nonce was seen, or might have been. */
  add(nonce: string, timeMs: number, oldestMs: number): boolean {
    this.forget(oldestMs);
    if (timeMs <= this.floorMs || this.timeOf.has(nonce)) return false;
    this.timeOf.set(nonce, timeMs);
    if (this.timeOf.size > this.most) this.evict();
    return true;
  }

  private forget(oldestMs: number): void {
    for (const [nonce, timeMs] of this.timeOf) {
      if (timeMs >= oldestMs) return;
      this.timeOf.delete(nonce);
    }
  }

  private evict(): void {
    const [nonce, timeMs] = this.timeOf.entries().next().value!;
    this.timeOf.delete(nonce);
    this.floorMs = Math.max(this.floorMs, timeMs);
  }
}
