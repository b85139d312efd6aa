/** Reads `/function/<name>[/suffix][?query]` by hand: a URL object costs more than everything else the fast path does. */

/** Marks of a redirect of ours, never shown to a function. */
export const HOME_MARK = 'session-home';
export const HOPS_MARK = 'session-hops';
const ORIGIN_MARK = 'session-origin';
const ANY_MARK = /session-(?:home|hops|origin)=/;
export const FUNCTION_PREFIX = '/function/';

export interface FunctionPath {
  name: string;
  /** '' or what follows the name, from its '/', as it came (percent-encoded). */
  path: string;
  /** Without '?' and without marks. */
  query: string;
  redirectedHome?: string;
  hops?: number;
  /** The page's origin, vouched for by the node that redirected; see cors.ts. */
  origin?: string;
}

/** @param url request target that starts with FUNCTION_PREFIX. Never throws. */
export function parseFunctionPath(url: string): FunctionPath {
  const start = FUNCTION_PREFIX.length;
  const mark = url.indexOf('?', start);
  const end = mark === -1 ? url.length : mark;
  const slash = url.indexOf('/', start);
  const nameEnd = slash === -1 || slash > end ? end : slash;
  const name = url.slice(start, nameEnd);
  const parsed: FunctionPath = {
    name: name.includes('%') ? decoded(name) ?? name : name,
    path: url.slice(nameEnd, end),
    query: mark === -1 ? '' : url.slice(mark + 1),
  };
  return parsed.query !== '' && ANY_MARK.test(parsed.query) ? withoutMarks(parsed) : parsed;
}

/** Location of the same request at another node, marked as redirected. */
export function redirectTo(
  url: string, at: { name: string; path: string; query: string }, home: string, hops: number, origin?: string,
): string {
  const marks = `${HOME_MARK}=${encodeURIComponent(home)}&${HOPS_MARK}=${hops}${origin === undefined ? '' : `&${ORIGIN_MARK}=${origin}`}`;
  const query = at.query === '' ? marks : `${at.query}&${marks}`;
  return `${url.replace(/\/+$/, '')}${FUNCTION_PREFIX}${encodeURIComponent(at.name)}${at.path}?${query}`;
}

function withoutMarks(parsed: FunctionPath): FunctionPath {
  const kept: string[] = [];
  for (const part of parsed.query.split('&')) {
    if (part.startsWith(`${HOME_MARK}=`)) parsed.redirectedHome = decoded(part.slice(HOME_MARK.length + 1)) || undefined;
    else if (part.startsWith(`${HOPS_MARK}=`)) parsed.hops = hopsOf(part.slice(HOPS_MARK.length + 1));
    else if (part.startsWith(`${ORIGIN_MARK}=`)) parsed.origin = part.slice(ORIGIN_MARK.length + 1);
    else kept.push(part);
  }
  parsed.query = kept.join('&');
  return parsed;
}

function hopsOf(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
