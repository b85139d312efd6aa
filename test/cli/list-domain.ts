/** The domain of most suites that use the command line: two nodes or more, and a function that keeps a list. */
const STACK = 'functions:\n  list:\n    handler: ./list\n    annotations: {worker: inline}\n';
const LIST = `import { Offloadable } from 'xylem';
export default class List extends Offloadable {
  async handleOffload(request, { edgeDB }) {
    await edgeDB.addToList('items', request.query.get('item') ?? 'x');
    return { items: await edgeDB.getList('items') };
  }
}
`;

/** Files by their paths. `leaf` and `more` are nodes below `top`, YAML of their own. */
export function listDomain({ leaf = 'name: leaf', more = [], settings = '', oracle }: { leaf?: string; more?: string[]; settings?: string; oracle?: string } = {}): Record<string, string> {
  const children = [leaf, ...more].map((child) => `    - {${child}}\n`).join('');
  return {
    'domain.yml': `${settings}levels: [cloud, edge]\nroot:\n  name: top\n  children:\n${children}`,
    'stack.yml': STACK,
    'list/handler.js': LIST,
    ...(oracle !== undefined && { 'oracle.yml': oracle }),
  };
}
