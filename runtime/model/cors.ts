/** Which pages may call functions of a node from a browser. */
export interface CorsSettings {
  /** `https://shop.example`, `https://*.example.org`, `http://localhost:*`, `null`, or `*` for everybody. Empty: CORS is the functions' own business. */
  origins: string[];
  /** Cookies and the like may come along; not together with `*`. */
  credentials?: boolean;
  /** Names of request headers that pages may send beside those of the protocol. */
  headers?: string[];
  /** Seconds that a browser may remember a preflight's answer. */
  maxAgeS?: number;
}

/** Pages that come from the machine itself, whatever their port. */
export const LOOPBACK_ORIGINS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'].flatMap((host) => [`http://${host}`, `http://${host}:*`]);

const ORIGIN = /^(?:\*|null|https?:\/\/(?:\[[0-9a-f:]+\]|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::(?:\d{1,5}|\*))?)$/i;

export function isOriginPattern(text: string): boolean {
  return ORIGIN.test(text);
}

/** What is wrong with the settings; undefined when nothing is. */
export function corsProblem({ origins, credentials = false }: CorsSettings): string | undefined {
  const odd = origins.find((origin) => !isOriginPattern(origin));
  if (odd !== undefined) return `${odd} is no origin: https://shop.example, https://*.example.org, http://localhost:*, null or *`;
  if (credentials && origins.includes('*')) return 'credentials for every origin would let any page act as its visitor: name the origins';
  return undefined;
}
