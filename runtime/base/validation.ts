/** Checks values against JSON Schemas and names every field that offends, not only the first. */
import type { Ajv, ErrorObject, Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { FormatsPlugin } from 'ajv-formats';

export interface Offence {
  /** JSON pointer into the value, '' for the whole of it. */
  pointer: string;
  detail: string;
}

/** All offences of a value; none when it is right. */
export type Validator = (value: unknown) => Offence[];

const OPTIONS: Options = { allErrors: true, strict: false, validateFormats: true };
/** More than this tell nobody anything new. */
const MOST_OFFENCES = 1_000;

export function createCompiler(): (schema: object) => Validator {
  const ajv = new Ajv2020(OPTIONS) as unknown as Ajv;
  // The package is CommonJS: its default export stands one level deeper when it is imported.
  (addFormatsModule as unknown as FormatsPlugin)(ajv, ['ipv4', 'ipv6', 'date-time']);
  // The package's own takes urn:uuid:… too.
  ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
  return (schema) => {
    const check = ajv.compile(schema);
    return (value) => check(value) ? [] : (check.errors ?? []).slice(0, MOST_OFFENCES).map(offenceOf);
  };
}

/** A missing or unknown field is pointed at itself and not at the object around it. */
function offenceOf({ instancePath, keyword, params, message = 'it is wrong' }: ErrorObject): Offence {
  const { missingProperty, additionalProperty, allowedValues } = params as Record<string, string> & { allowedValues?: unknown[] };
  if (keyword === 'required') return { pointer: `${instancePath}/${escaped(missingProperty!)}`, detail: 'it is required' };
  if (keyword === 'additionalProperties') return { pointer: `${instancePath}/${escaped(additionalProperty!)}`, detail: 'there is no such field' };
  if (keyword === 'enum') return { pointer: instancePath, detail: `it must be one of ${allowedValues!.join(', ')}` };
  return { pointer: instancePath, detail: message };
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
