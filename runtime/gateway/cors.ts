/**
 * Which pages may call functions from a browser. A page's request that is redirected from one node to another comes there with
 * `Origin: null`, as that of any sandboxed page would; so the node that redirects signs the origin it has let in, for a moment, into
 * the Location, and only with that mark is `null` let in elsewhere.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.js';
import type { CorsSettings } from '../model/cors.js';
import { CORS_MARK_MS, CORS_MAX_AGE_S } from '../model/limits.js';
import type { FunctionPath } from '../base/function-path.js';
import { originPattern } from '../base/origin-pattern.js';

const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const ALLOWED_HEADERS = 'X-session, X-session-request-id, X-session-version, X-session-redirect, X-Callback-Url, X-Call-Id, Content-Type';
const EXPOSED_HEADERS = 'X-session-location, X-session-epoch, X-session-version, X-session-replayed, X-call-id, X-start-time, Location, Retry-After';
/** How `fetch` names the origin of a page that has none, or whose request was redirected between origins. */
const OPAQUE = 'null';
const MAC_CHARS = 43;

export interface Cors {
  /** Puts the headers that a page's browser looks for on the answer to come, whatever it will be. */
  admit(request: IncomingMessage, response: ServerResponse, at: FunctionPath): void;
  /** Answers a browser's question before a request; false when it is none. */
  preflight(request: IncomingMessage, response: ServerResponse, at: FunctionPath): boolean;
  /** Whether it comes from no page, from one of this node's own, or from one that is let in. */
  lets(request: IncomingMessage, at: FunctionPath): boolean;
  /** For the Location of a redirect; undefined when the request came from no page that is let in. */
  markOf(request: IncomingMessage, at: FunctionPath): string | undefined;
}

export function createCors({ settings, key, clock }: { settings: CorsSettings; key: string; clock: Clock }): Cors {
  const { origins, credentials = false, headers = [], maxAgeS = CORS_MAX_AGE_S } = settings;
  const anyone = origins.includes('*');
  const patterns = origins.map(originPattern);
  const allowedHeaders = [ALLOWED_HEADERS, ...headers].join(', ');
  const isAllowed = (origin: string) => anyone || patterns.some((pattern) => pattern.test(origin));

  /** What `Access-Control-Allow-Origin` says to this origin; undefined: nothing. */
  function allowed(origin: string, at: FunctionPath): string | undefined {
    if (anyone) return '*';
    if (isAllowed(origin)) return origin;
    return origin === OPAQUE && at.origin !== undefined && vouchedOrigin(at) !== undefined ? OPAQUE : undefined;
  }

  function mac(text: string): string {
    return createHmac('sha256', key).update(`cors\n${text}`).digest('base64url');
  }

  /** `<until>.<origin>.<mac>`, bound to the function. */
  function vouchedOrigin({ origin: mark = '', name }: FunctionPath): string | undefined {
    const [, until = '', encoded = '', given = ''] = /^(\d{1,15})\.([\w-]{1,700})\.([\w-]{43})$/.exec(mark) ?? [];
    if (given.length !== MAC_CHARS || Number(until) < clock.now()) return undefined;
    if (!timingSafeEqual(Buffer.from(given), Buffer.from(mac(`${until}\n${encoded}\n${name}`)))) return undefined;
    const origin = Buffer.from(encoded, 'base64url').toString();
    return isAllowed(origin) ? origin : undefined;
  }

  function admit(request: IncomingMessage, response: ServerResponse, at: FunctionPath): string | undefined {
    const origin = originOf(request);
    if (origin === undefined) return undefined;
    const told = allowed(origin, at);
    response.setHeader('vary', 'Origin');
    if (told === undefined) return undefined;
    response.setHeader('access-control-allow-origin', told);
    if (credentials) response.setHeader('access-control-allow-credentials', 'true');
    return told;
  }

  return {
    admit(request, response, at) {
      if (admit(request, response, at) !== undefined) response.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
    },
    preflight(request, response, at) {
      if (request.headers['access-control-request-method'] === undefined || originOf(request) === undefined) return false;
      if (admit(request, response, at) !== undefined) {
        response.setHeader('access-control-allow-methods', ALLOWED_METHODS);
        response.setHeader('access-control-allow-headers', allowedHeaders);
        response.setHeader('access-control-max-age', maxAgeS);
      }
      response.writeHead(204);
      response.end();
      return true;
    },
    lets(request, at) {
      const origin = originOf(request);
      return origin === undefined || allowed(origin, at) !== undefined || isOf(origin, request.headers.host);
    },
    markOf(request, at) {
      const origin = originOf(request);
      if (origin === undefined || anyone) return undefined;
      const page = origin === OPAQUE && at.origin !== undefined ? vouchedOrigin(at) : isAllowed(origin) ? origin : undefined;
      if (page === undefined) return undefined;
      const text = `${clock.now() + CORS_MARK_MS}.${Buffer.from(page).toString('base64url')}`;
      return `${text}.${mac(`${text.replace('.', '\n')}\n${at.name}`)}`;
    },
  };
}

function isOf(origin: string, host: string | undefined): boolean {
  return host !== undefined && /^https?:\/\//i.test(origin) && origin.slice(origin.indexOf('//') + 2).toLowerCase() === host.toLowerCase();
}

/** Looks at the headers as they came: to build the object of all headers costs more than the rest of a small request. */
export function originOf({ rawHeaders }: IncomingMessage): string | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 6 && name.toLowerCase() === 'origin') return rawHeaders[at + 1];
  }
  return undefined;
}
