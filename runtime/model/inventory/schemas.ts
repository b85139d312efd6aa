/** The published JSON Schema documents of the inventory's objects, one a file. */
import { OBJECT_NAMES, type ObjectName, objectDefinitions, type ObjectOptions } from './objects.js';

export const JSON_SCHEMA_DRAFT = 'https://json-schema.org/draft/2020-12/schema';

export type SchemaDocument = Record<string, unknown>;

/** By the object's name; the file is called `<name>.json`. */
export function schemaDocuments(options: ObjectOptions): Record<ObjectName, SchemaDocument> {
  const definitions = objectDefinitions(options);
  const documents: Partial<Record<ObjectName, SchemaDocument>> = {};
  for (const name of OBJECT_NAMES) documents[name] = { $schema: JSON_SCHEMA_DRAFT, $id: `${name}.json`, title: name, ...plain(definitions[name]) };
  return documents as Record<ObjectName, SchemaDocument>;
}

/** Without the symbols that the definitions carry for their types. */
export function plain<T extends object>(schema: T): SchemaDocument {
  return JSON.parse(JSON.stringify(schema)) as SchemaDocument;
}

/** Text of a schema file: two spaces, a line feed at the end. */
export function schemaText(document: SchemaDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
