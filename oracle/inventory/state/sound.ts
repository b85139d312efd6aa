/// <reference lib="es2024.string" />
/** What JSON can say and no database takes: halves of characters, the character 0, and nesting without an end. */
import type { Offence } from '../../../runtime/base/validation.js';
import { MAX_INVENTORY_DEPTH } from '../../../runtime/model/limits.js';

/** Everything in the value that could not be kept. */
export function unsoundIn(value: unknown): Offence[] {
  return isSound(value, 0) ? [] : offencesIn(value, '', 0);
}

/** The same without the places, because nearly everything is fine. */
function isSound(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isSoundText(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_INVENTORY_DEPTH) return false;
  for (const name in value) if (!isSoundText(name) || !isSound((value as Record<string, unknown>)[name], depth + 1)) return false;
  return true;
}

function offencesIn(value: unknown, pointer: string, depth: number): Offence[] {
  if (typeof value === 'string') return isSoundText(value) ? [] : [{ pointer, detail: TEXT }];
  if (typeof value !== 'object' || value === null) return [];
  if (depth === MAX_INVENTORY_DEPTH) return [{ pointer, detail: `it is nested deeper than ${MAX_INVENTORY_DEPTH} levels` }];
  return Object.entries(value).flatMap(([name, each]) => {
    const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    return [...(isSoundText(name) ? [] : [{ pointer: at.toWellFormed(), detail: TEXT }]), ...offencesIn(each, at.toWellFormed(), depth + 1)];
  });
}

const TEXT = 'it has half a character or the character 0';

function isSoundText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
