/**
 * Which callbacks a node makes. Anybody may name one, and the node sends to it from its own place in the network: so what only a
 * machine's own programs are meant to reach, such as the metadata of a cloud, is refused whatever name leads there, and the
 * operator may name the places that are allowed at all.
 */
import { lookup as lookUp } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { originPattern } from '../../base/origin-pattern.js';

export interface CallbackRules {
  /** Why nothing is sent there; undefined: as far as the URL itself tells, it may be. Names are judged when they are resolved. */
  problem(url: URL): string | undefined;
  /** Resolves a name for a connection; fails when any of its addresses is refused. */
  readonly lookup: LookupFunction;
}

/** Reached from inside a machine or a data centre only, or no single machine at all. */
const REFUSED_NETS: [net: string, prefix: number][] = [
  ['0.0.0.0', 8], ['169.254.0.0', 16], ['224.0.0.0', 4], ['255.255.255.255', 32],
  // Where Azure, Alibaba and Oracle have what others have in 169.254.
  ['168.63.129.16', 32], ['100.100.100.200', 32], ['192.0.0.192', 32],
  ['::', 128], ['fe80::', 10], ['ff00::', 8], ['fd00:ec2::254', 128], ['fd20:ce::254', 128],
  // The same of IPv4 in the addresses of translators.
  ['64:ff9b::a9fe:0', 112], ['2002:a9fe::', 32],
];

/** @param allowed patterns of origins; undefined: everywhere that is not refused */
export function createCallbackRules({ allowed, resolve = lookUp }: { allowed?: readonly string[]; resolve?: typeof lookUp } = {}): CallbackRules {
  const patterns = allowed?.map(originPattern);
  const refused = new BlockList();
  for (const [net, prefix] of REFUSED_NETS) refused.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4');
  const isRefused = (address: string) => refused.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

  return {
    problem({ hostname, origin }) {
      const address = hostname.replace(/^\[|\]$/g, '');
      if (isIP(address) > 0 && isRefused(address)) return `the address ${address} is for programs of the machine itself`;
      if (patterns && !patterns.some((pattern) => pattern.test(origin))) return `${origin} is not among the places that this node may tell`;
      return undefined;
    },
    lookup(name, options, done) {
      resolve(name, options, (error, found: string | { address: string; family: number }[], family?: number) => {
        if (error) return done(error, '', 0);
        const bad = (typeof found === 'string' ? [found] : found.map(({ address }) => address)).find(isRefused);
        if (bad !== undefined) return done(new Error(`${name} is at ${bad}, an address for programs of the machine itself`), '', 0);
        return done(null, found as string, family);
      });
    },
  };
}
