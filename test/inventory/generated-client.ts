/** A generator of clients, as other languages have them: it knows nothing of the inventory but its OpenAPI document. */

export interface Operation {
  operationId: string;
  parameters: { name: string; in: string; required: boolean; schema: { type: string } }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: object }> }>;
}

export type Send = (method: string, path: string, body: unknown, headers: Record<string, string>) => Promise<unknown>;
export type GeneratedCall = (send: Send, values: Record<string, unknown>, body?: unknown) => Promise<unknown>;

/** Source text of an ES module that exports one function an operation, called by its id. */
export function generateClient(document: { paths: Record<string, Record<string, Operation>> }): string {
  const functions = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => functionOf(method.toUpperCase(), path, operation)));
  return `${HELPERS}${functions.join('\n')}\n`;
}

const HELPERS = `
function $needed(values, name) {
  if (values[name] === undefined) throw new TypeError(name + ' is needed');
  return values[name];
}
function $query(values, names) {
  const given = new URLSearchParams(names.flatMap((name) => [values[name] ?? []].flat().map((value) => [name, String(value)])));
  return given.size > 0 ? '?' + given : '';
}
`;

function functionOf(method: string, path: string, { operationId, parameters, requestBody }: Operation): string {
  const inPlace = (place: string) => parameters.filter((each) => each.in === place);
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => `\${encodeURIComponent($needed(values, '${name}'))}`);
  const checks = inPlace('query').filter(({ required }) => required).map(({ name }) => `  $needed(values, '${name}');`);
  const headers = inPlace('header').map(({ name }) => `...(values['${name}'] !== undefined && { '${name.toLowerCase()}': values['${name}'] })`);
  return [
    `export async function ${operationId}(send, values = {}${requestBody ? ', body' : ''}) {`, ...checks,
    `  return send('${method}', \`${filled}\` + $query(values, ${JSON.stringify(inPlace('query').map(({ name }) => name))}), ${requestBody ? 'body' : 'undefined'}, { ${headers.join(', ')} });`, '}',
  ].join('\n');
}
