/** The OpenAPI 3.1 document, made from the routes and from the definitions of the objects. */
import { VERSION } from '../../../runtime/model/config.js';
import { OBJECT_NAMES, objectDefinitions, type ObjectOptions, replacementOf, returnedOf } from '../../../runtime/model/inventory/objects.js';
import { plain } from '../../../runtime/model/inventory/schemas.js';
import { PROBLEM_SCHEMA } from './problem.js';
import type { AnswerKind, BodyKind, InventoryRoute } from './route.js';

const BASE = '/inventory';
const JSON_TYPE = 'application/json';

export function openApiDocument(routes: InventoryRoute[], options: ObjectOptions): Record<string, unknown> {
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Inventory', version: VERSION,
      description: 'What every node is: compute nodes, their interfaces and BMCs, the state of components, collections of nodes. Objects and memberships also answer at the root of the port.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { admin: [] }],
    paths: pathsOf(routes),
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, admin: { type: 'http', scheme: 'basic' } },
      schemas: schemasOf(options),
      responses: { Problem: { description: 'Refused; says why.', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } } },
    },
  };
}

function pathsOf(routes: InventoryRoute[]): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = BASE + (route.path === '/' ? '' : route.path.replace(/:(\w+)/g, '{$1}'));
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return paths;
}

function operationOf({ operation, summary, path, query = [], body, answers, need, method }: InventoryRoute): Record<string, unknown> {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const inQuery = query.map(({ name, description, type = 'string', required = false }) => ({ name, in: 'query', description, required, schema: { type } }));
  const inHeader = path.endsWith('/:id') ? [conditionOf(method)] : [];
  return {
    operationId: operation, summary, parameters: [...inPath, ...inQuery, ...inHeader],
    ...(need === 'read' && { security: [{}, { bearer: [] }, { admin: [] }] }),
    ...(body && { requestBody: { required: true, content: contentOf(body) } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, status)])),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

/** Paths of one object take the ETag of one. */
function conditionOf(method: InventoryRoute['method']): object {
  const [name, description] = method === 'GET' ? ['If-None-Match', 'Only when its ETag is none of these.'] : ['If-Match', 'Only when its ETag is one of these.'];
  return { name, in: 'header', description, required: false, schema: { type: 'string' } };
}

/** Whatever is created may come as lines. */
function contentOf(body: BodyKind): object {
  const isCreated = 'object' in body && body.how === 'create';
  return { [JSON_TYPE]: { schema: bodySchema(body) }, ...(isCreated && { 'application/x-ndjson': { schema: { type: 'string', description: 'One object a line.' } } }) };
}

function bodySchema(body: BodyKind): object {
  if ('schema' in body) return body.schema;
  if (body.how === 'replace') return ref(`${body.object}Replacement`);
  return { oneOf: [ref(`${body.object}Creation`), { type: 'array', items: ref(`${body.object}Creation`) }] };
}

function answerOf(answer: AnswerKind, status: string): object {
  if (answer === 'nothing') return { description: status === '304' ? 'Not changed.' : 'Done.' };
  if ('text' in answer) return { description: 'Done.', content: { [answer.text]: { schema: { type: 'string' } } } };
  if ('schema' in answer) return { description: 'Done.', content: { [JSON_TYPE]: { schema: answer.schema } } };
  const one = ref(answer.object);
  const list = { type: 'array', items: one };
  const schema = answer.list ? list : status === '201' ? { oneOf: [one, list] } : one;
  const headers = answer.list
    ? { Link: { description: 'The next page, as rel="next".', schema: { type: 'string' } }, 'X-Total-Count': { description: 'Objects that fit.', schema: { type: 'integer' } } }
    : { ETag: { description: 'Changes whenever the object does.', schema: { type: 'string' } }, ...(status === '201' && { Location: { description: 'Where it is, when it is one.', schema: { type: 'string' } } }) };
  return { description: 'Done.', headers, content: { [JSON_TYPE]: { schema } } };
}

/** Three of each object: as it is created, as it replaces another, as it is returned. */
function schemasOf(options: ObjectOptions): Record<string, unknown> {
  const definitions = objectDefinitions(options);
  const all = OBJECT_NAMES.flatMap((name) => [
    [name, plain(returnedOf(name, definitions[name]))],
    [`${name}Creation`, plain(definitions[name])],
    [`${name}Replacement`, plain(replacementOf(name, definitions[name]))],
  ]);
  return { ...Object.fromEntries(all) as Record<string, unknown>, Problem: PROBLEM_SCHEMA };
}

function ref(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}
