/** Names of places in a cabinet: cabinet, chassis, slot, BMC, node (`x1000c0s0b0n0`), and what can be told from them. */

/** The patterns of the node orchestrator: a cabinet of three to five digits. */
export const NODE_XNAME = '^x\\d{3,5}c\\d{1,3}s\\d{1,3}b\\d{1,3}n\\d{1,3}$';
export const BMC_XNAME = '^x\\d{3,5}c\\d{1,3}s\\d{1,3}b\\d{1,3}$';
/** The patterns of the hardware state manager: a cabinet of up to four digits, eight chassis. */
export const STRICT_NODE_XNAME = '^x([0-9]{1,4})c([0-7])s([0-9]+)b([0-9]+)n([0-9]+)$';
export const STRICT_BMC_XNAME = '^x([0-9]{1,4})c([0-7])s([0-9]+)b([0-9]+)$';
/** Components and members of collections outside cabinets: an xname, or the name of a node of the domain. */
export const PLACE_NAME = '^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$';

/** Types of components by the form of their xname, as the hardware state manager names them. */
const FORMS: [RegExp, string][] = [
  [/^s0$/, 'System'],
  [/^d[0-9]+$/, 'CDU'],
  [/^d[0-9]+w[0-9]+$/, 'CDUMgmtSwitch'],
  [/^x[0-9]{1,5}$/, 'Cabinet'],
  [/^x[0-9]{1,5}m[0-9]+$/, 'CabinetPDUController'],
  [/^x[0-9]{1,5}m[0-9]+p[0-9]+$/, 'CabinetPDU'],
  [/^x[0-9]{1,5}c[0-7]$/, 'Chassis'],
  [/^x[0-9]{1,5}c[0-7]b0$/, 'ChassisBMC'],
  [/^x[0-9]{1,5}c[0-7]s[0-9]+$/, 'ComputeModule'],
  [/^x[0-9]{1,5}c[0-7]r[0-9]+$/, 'RouterModule'],
  [/^x[0-9]{1,5}c[0-7]r[0-9]+b[0-9]+$/, 'RouterBMC'],
  [/^x[0-9]{1,5}c[0-7]w[0-9]+$/, 'MgmtSwitch'],
  [/^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+$/, 'NodeBMC'],
  [/^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+n[0-9]+$/, 'Node'],
  [/^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+n[0-9]+i[0-9]+$/, 'NodeNic'],
  [/^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+n[0-9]+p[0-9]+$/, 'Processor'],
  [/^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+n[0-9]+d[0-9]+$/, 'Memory'],
  [/^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+n[0-9]+a[0-9]+$/, 'NodeAccel'],
];

export const COMPONENT_TYPES = FORMS.map(([, type]) => type);

const NODE = /^x[0-9]{1,5}c[0-9]+s[0-9]+b[0-9]+n[0-9]+$/;

/** What has this form stays as it is, xname or not. */
const CANONICAL = /^(?:[a-z](?:0|[1-9][0-9]*))+$/;

/** One spelling of an xname: lower case, no leading zeros. Names that are no xnames stay as they are. */
export function canonicalXname(name: string): string {
  // Nearly all are, and every object is looked up by its name several times while it is created.
  if (CANONICAL.test(name)) return name;
  const lower = name.toLowerCase();
  return /^(x\d+|d\d+|s0)([a-z]\d+)*$/.test(lower) ? lower.replace(/([a-z])0+(?=\d)/g, '$1') : name;
}

/** The BMC above a node, by the node's own spelling; undefined when it is no xname of a node. */
export function bmcXnameOf(node: string): string | undefined {
  const canonical = canonicalXname(node);
  return NODE.test(canonical) ? canonical.slice(0, canonical.lastIndexOf('n')) : undefined;
}

/** `Node`, `NodeBMC`, …; undefined when it has none of the known forms. */
export function componentTypeOf(name: string): string | undefined {
  const canonical = canonicalXname(name);
  return FORMS.find(([form]) => form.test(canonical))?.[1];
}

export function isNodeXname(name: string): boolean {
  return NODE.test(canonicalXname(name));
}

/** Lower case with colons: `02:1A:…` and `02-1a-…` name the same card. */
export function canonicalMac(mac: string): string {
  return mac.toLowerCase().replaceAll('-', ':');
}
