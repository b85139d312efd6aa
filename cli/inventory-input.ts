/** Objects from a file, from standard input or from the command line, checked against schema files before any call. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Validator } from '../runtime/base/validation.js';
import { CliFailure, reasonOfFile, wrongUsage } from './failure.js';
import type { InventoryOptions } from './inventory-target.js';

export interface Input {
  objects: unknown[];
  /** One object by itself is sent as one, not as an array. */
  isOne: boolean;
}

/** Offences that are printed; more tell nobody anything new. */
const MOST_SHOWN = 50;

/** Throws with exit code 2 when there is nothing, or nothing that can be read. */
export async function readInput({ data, file }: InventoryOptions): Promise<Input> {
  if ((data === undefined) === (file === undefined)) throw wrongUsage('the objects are needed: either --data JSON or --file FILE');
  const text = data ?? await readText(file!);
  const whole = parsed(text);
  if (whole !== undefined) return Array.isArray(whole) ? { objects: whole, isOne: false } : { objects: [whole], isOne: true };
  const objects = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const value = parsed(line);
    if (value === undefined) throw wrongUsage(`${file ?? 'the text'} is neither JSON nor lines of JSON: line ${index + 1} cannot be read`);
    return [value];
  });
  if (objects.length === 0) throw wrongUsage(`${file ?? 'the text'} is empty`);
  return { objects, isOne: false };
}

async function readText(file: string): Promise<string> {
  if (file === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  }
  return readFile(file, 'utf8').catch((error: Error) => {
    throw wrongUsage(`the file cannot be read: ${reasonOfFile(error, file)}`);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Checks objects of one kind against the file of its schema. A replacement need not have what is written once and never returned. */
export async function schemaCheck(folder: string, object: string, isReplacement = false): Promise<Validator> {
  const file = join(folder, `${object}.json`);
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw wrongUsage(`the schema cannot be read: ${reasonOfFile(error, file)}`);
  });
  const schema = parsed(text) as { required?: string[]; properties?: Record<string, { writeOnly?: boolean }> } | undefined;
  if (schema === undefined) throw wrongUsage(`${file} is no JSON`);
  if (isReplacement) schema.required = schema.required?.filter((field) => schema.properties?.[field]?.writeOnly !== true);
  const { createCompiler } = await import('../runtime/base/validation.js');
  try {
    return createCompiler()(schema);
  } catch (error) {
    throw wrongUsage(`${file} is no JSON Schema: ${(error as Error).message}`);
  }
}

/** Throws with exit code 2 and every offence, each with the place of its object. */
export function assertValid(objects: unknown[], isOne: boolean, check: Validator): void {
  const offences = objects.flatMap((object, index) => check(object).map(({ pointer, detail }) => ({ pointer: `${isOne ? '' : `/${index}`}${pointer}`, detail })));
  if (offences.length === 0) return;
  const lines = offences.slice(0, MOST_SHOWN).map(({ pointer, detail }) => `\n  ${pointer || '(whole)'}: ${detail}`);
  const more = offences.length > MOST_SHOWN ? `\n  and ${offences.length - MOST_SHOWN} more` : '';
  throw new CliFailure(`the objects do not fit their schema; nothing was sent${lines.join('')}${more}`, 2, { code: 'OBJECT_INVALID', errors: offences });
}
