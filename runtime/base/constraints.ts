/** OpenFaaS's constraints: which nodes a deployment is for. All have to hold; the values of one are alternatives. */

/** A node, as constraints see it. */
export interface Place {
  name: string;
  level: string;
  labels: Record<string, string>;
  /** Collections of the inventory that it is a member of. */
  collections?: readonly string[];
}

export const CONSTRAINT_FORM = 'level=edge, node=milan*,turin, collection=blue or label=value, or with != for the opposite';

const CONSTRAINT = /^\s*([\w./-]+?)\s*(==?|!=)\s*(\S.*?)\s*$/;

export function isConstraint(text: string): boolean {
  return CONSTRAINT.test(text);
}

/** True when every constraint holds: `level=edge`, `node=milan*,turin`, `collection=<name>`, `<label>=<value>`; `!=` for the opposite. */
export function appliesAt(place: Place, constraints: readonly string[] = []): boolean {
  return constraints.every((constraint) => {
    const [, key, operator, patterns] = CONSTRAINT.exec(constraint)!;
    const values = key === 'collection' ? place.collections ?? [] : [key === 'level' ? place.level : key === 'node' ? place.name : place.labels[key!] ?? ''];
    return patterns!.split(',').some((pattern) => values.some((value) => matches(value, pattern.trim()))) === (operator !== '!=');
  });
}

function matches(value: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(value);
}
