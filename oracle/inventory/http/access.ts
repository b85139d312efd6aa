/** Who may read, write and administer: a bearer token of the configured issuer, or the admin's password. */
import type { IncomingMessage } from 'node:http';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import type { Clock } from '../../../runtime/base/clock.js';
import { acceptsBasic, type Credentials } from '../../../runtime/base/credentials.js';
import { Fault } from '../../../runtime/model/faults.js';
import { JWKS_AGAIN_MS } from '../../../runtime/model/limits.js';
import { followedFile } from './followed-file.js';

export type Need = 'read' | 'write' | 'admin';

export interface TokenSettings {
  /** File with the secret of HS256, 32 bytes at least. */
  secretFile?: string;
  /** File or https address of a JSON Web Key Set. */
  jwks?: string;
  issuer: string;
  audience: string;
  /** A token whose claim `scope`, `scp` or `roles` has this may administer. */
  adminScope?: string;
}

export interface AccessParts {
  credentials?: Credentials;
  tokens?: TokenSettings;
  /** `open` (default), or the same as for writing. */
  reads?: 'open' | 'token';
  clock: Clock;
  /** Pause before a key set of another machine is fetched again for a key that it did not have. */
  keysAgainMs?: number;
}

export interface Caller {
  /** Subject of the token, or the admin's name; empty for a reader who gave none. */
  subject: string;
  isAdmin: boolean;
}

export interface Access {
  /** Throws UNAUTHORIZED, TOKEN_REFUSED or FORBIDDEN. */
  admit(request: IncomingMessage, need: Need): Promise<Caller>;
}

const LEAST_SECRET_BYTES = 32;
const SKEW_SECONDS = 30;
/** What a public key may have signed; an HMAC made with a public key must never pass. */
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const NOBODY: Caller = { subject: '', isAdmin: false };

type Verify = (token: string) => Promise<JWTPayload>;

/** Rejects when a secret cannot be read or is too short. */
export async function createAccess({ credentials, tokens, reads = 'open', clock, keysAgainMs = JWKS_AGAIN_MS }: AccessParts): Promise<Access> {
  const verify = tokens && await createVerifier(tokens, clock, keysAgainMs);
  return {
    async admit(request, need) {
      const header = request.headers.authorization;
      if (need === 'read' && reads === 'open') return NOBODY;
      if (credentials && acceptsBasic(credentials, header)) return { subject: credentials.user, isAdmin: true };
      const token = /^bearer +(\S+) *$/i.exec(header ?? '')?.[1];
      if (token === undefined) throw new Fault('UNAUTHORIZED');
      if (!verify) throw new Fault('TOKEN_REFUSED', { reason: 'no issuer of tokens is configured here' });
      const claims = await verify(token);
      const isAdmin = scopesOf(claims).includes(tokens.adminScope ?? 'inventory:admin');
      if (need === 'admin' && !isAdmin) throw new Fault('FORBIDDEN', { reason: `the token's scope has no ${tokens.adminScope ?? 'inventory:admin'}` });
      return { subject: claims.sub!, isAdmin };
    },
  };
}

async function createVerifier({ secretFile, jwks, issuer, audience }: TokenSettings, clock: Clock, keysAgainMs: number): Promise<Verify> {
  if (!issuer || !audience) throw new Error('Tokens need an issuer and an audience in their settings.');
  const options = (): JWTVerifyOptions => ({ issuer, audience, requiredClaims: ['sub', 'exp'], clockTolerance: SKEW_SECONDS, currentDate: new Date(clock.now()) });
  if (secretFile !== undefined) {
    const secret = followedFile(secretFile, (text) => secretOf(secretFile, text));
    await secret();
    return async (token) => judged(jwtVerify(token, await readable(secret), { ...options(), algorithms: ['HS256'] }));
  }
  if (jwks === undefined) throw new Error('Tokens need a secretFile or a jwks in their settings.');
  if (/^https?:/.test(jwks)) {
    const keys = createRemoteJWKSet(new URL(jwks), { cooldownDuration: keysAgainMs });
    return (token) => judged(jwtVerify(token, keys, { ...options(), algorithms: ASYMMETRIC }));
  }
  const keys = followedFile(jwks, (text) => createLocalJWKSet(JSON.parse(text) as JSONWebKeySet));
  await keys();
  return async (token) => judged(jwtVerify(token, await readable(keys), { ...options(), algorithms: ASYMMETRIC }));
}

function secretOf(file: string, text: string): Uint8Array {
  const secret = new TextEncoder().encode(text.trim());
  if (secret.length < LEAST_SECRET_BYTES) throw new Error(`The token secret in ${file} has ${secret.length} bytes; ${LEAST_SECRET_BYTES} are the least.`);
  return secret;
}

/** As long as a file is gone or wrong nobody is believed. */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  return read().catch((cause: unknown) => {
    throw new Fault('TOKEN_REFUSED', { reason: 'the keys of its issuer cannot be read now' }, { cause });
  });
}

async function judged(verifying: Promise<{ payload: JWTPayload }>): Promise<JWTPayload> {
  try {
    const { payload } = await verifying;
    if (typeof payload.sub !== 'string' || payload.sub === '' || payload.sub.length > 256) throw new Fault('TOKEN_REFUSED', { reason: 'its subject is empty or too long' });
    return payload;
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('TOKEN_REFUSED', { reason: reasonOf(error) }, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is ${error.reason === 'missing' ? 'missing' : 'not the one that is wanted'}`;
  // The issuer was asked for its keys and did not answer, or not with keys.
  if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || error.code === errors.JOSEError.code) return 'the keys of its issuer cannot be fetched now';
  return 'it is not signed with a key of the issuer';
}

function scopesOf({ scope, scp, roles }: JWTPayload): string[] {
  const listOf = (value: unknown) => (typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value.map(String) : []);
  return [...listOf(scope), ...listOf(scp), ...listOf(roles)];
}
