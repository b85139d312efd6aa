import { Fault } from '../../model/faults.js';

/** Where a Redis is. `shown` names it without user and password. */
export interface RedisPlace {
  shown: string;
  socket: { path: string; tls: false } | { host: string; port: number; tls: true } | { host: string; port: number };
  username?: string;
  password?: string;
  database?: number;
}

const FORMS = 'use redis://[user:password@]host[:port][/db], rediss://…, or unix:///path/of/socket[?db=n]';

/** @throws Fault PARAMETER_INVALID, which never repeats the URL: it may have a password. */
export function parseStoreUrl(text: string): RedisPlace {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  switch (url?.protocol) {
    case 'redis:':
    case 'rediss:':
      return placeOnNetwork(url);
    case 'unix:':
    case 'redis+unix:':
      return placeOfSocket(url);
    default:
      throw invalid(FORMS);
  }
}

function placeOnNetwork(url: URL): RedisPlace {
  // The brackets of an IPv6 address belong to the URL only.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // What would be passed over in silence might be meant for the choice of a database.
  if (host === '' || url.search !== '' || url.hash !== '') throw invalid(FORMS);
  const port = url.port === '' ? 6379 : Number(url.port);
  const socket = url.protocol === 'rediss:' ? { host, port, tls: true as const } : { host, port };
  const database = databaseOf(url.pathname.replace(/^\//, ''));
  return { shown: `${url.protocol}//${url.hostname}:${port}${database ? `/${database}` : ''}`, socket, ...credentialsOf(url), database };
}

function placeOfSocket(url: URL): RedisPlace {
  const path = decoded(url.pathname);
  const isKnown = [...url.searchParams.keys()].every((name) => name === 'db') && url.hash === '';
  if (!isKnown || url.hostname !== '' || path.length < 2) throw invalid(FORMS);
  return { shown: `unix://${path}`, socket: { path, tls: false }, ...credentialsOf(url), database: databaseOf(url.searchParams.get('db') ?? '') };
}

function credentialsOf({ username, password }: URL): { username?: string; password?: string } {
  return { ...(username === '' ? {} : { username: decoded(username) }), ...(password === '' ? {} : { password: decoded(password) }) };
}

function databaseOf(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d{1,5}$/.test(text)) throw invalid('the database has to be a number');
  return Number(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a % in it has to be written %25');
  }
}

function invalid(reason: string): Fault {
  return new Fault('PARAMETER_INVALID', { name: 'STORE_URL', reason });
}
