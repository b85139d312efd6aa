/** What the objects are, for clients: JSON Schema files and the OpenAPI document. */
import { Fault } from '../../../runtime/model/faults.js';
import { OBJECT_NAMES, type ObjectName, type ObjectOptions } from '../../../runtime/model/inventory/objects.js';
import { JSON_SCHEMA_DRAFT, schemaDocuments, schemaText } from '../../../runtime/model/inventory/schemas.js';
import { openApiDocument } from './openapi.js';
import type { InventoryRoute } from './route.js';

/** `routes` is asked for when the document is, because these routes are among them. */
export function schemaRoutes(options: ObjectOptions, routes: () => InventoryRoute[]): InventoryRoute[] {
  const documents = schemaDocuments(options);
  return [
    {
      method: 'GET', path: '/schemas', need: 'read', isEarly: true, operation: 'listSchemas', summary: 'The schema files there are.', answers: { 200: { schema: { type: 'object' } } },
      run: ({ base }) => ({ status: 200, json: { draft: JSON_SCHEMA_DRAFT, strictXnames: options.strictXnames, schemas: OBJECT_NAMES.map((name) => ({ name, url: `${base}/schemas/${name}.json` })) } }),
    },
    {
      method: 'GET', path: '/schemas/:name', need: 'read', isEarly: true, operation: 'getSchema', summary: 'The JSON Schema of an object, as a file.', answers: { 200: { schema: { type: 'object' } } },
      run({ params, headers }) {
        const name = params['name']!.replace(/\.json$/, '') as ObjectName;
        const document = OBJECT_NAMES.includes(name) ? documents[name] : undefined;
        if (!document) throw new Fault('NOT_FOUND', { path: `/schemas/${params['name']}; schemas: ${OBJECT_NAMES.join(', ')}` });
        const type = String(headers['accept'] ?? '').includes('application/schema+json') ? 'application/schema+json' : 'application/json';
        return { status: 200, headers: { 'content-type': type }, text: schemaText(document) };
      },
    },
    {
      method: 'GET', path: '/openapi.json', need: 'read', isEarly: true, operation: 'getOpenApi', summary: 'This document.', answers: { 200: { schema: { type: 'object' } } },
      run: () => ({ status: 200, json: openApiDocument(routes(), options) }),
    },
  ];
}
