/** The mirror empties its database at the start, so that database must not be anybody's store. */

/** Throws an Error that names the store which uses the same server and database. */
export function assertOwnDatabase(mirrorUrl: string, stores: readonly string[]): void {
  if (mirrorUrl === '') return;
  const mirror = databaseOf(mirrorUrl);
  const same = stores.find((store) => databaseOf(store) === mirror);
  if (same !== undefined) {
    throw new Error(`the mirror's redis_url is the database of a session store (${mirror}); it would be emptied: give the mirror another server or another database number`);
  }
}

/** Server and number of the database, without credentials; names of the same machine count as one. */
function databaseOf(url: string): string | undefined {
  if (!/^(redis|rediss|unix):\/\//.test(url)) return undefined;
  const { protocol, hostname, port, pathname, searchParams } = new URL(url);
  if (protocol === 'unix:') return `unix:${pathname}/${searchParams.get('db') ?? '0'}`;
  const host = ['localhost', '127.0.0.1', '[::1]', '::1', ''].includes(hostname) ? '127.0.0.1' : hostname;
  return `${host}:${port === '' ? '6379' : port}/${pathname.replace('/', '') || '0'}`;
}
