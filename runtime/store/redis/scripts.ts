/** The Lua scripts: read from the files beside this code, with their includes, fields and limits filled in. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_FUNCTIONS_PER_SESSION, MAX_REQUEST_IDS, REQUEST_ID_KEEP_MS, SMALL_SESSION_BYTES } from '../../model/limits.js';
import { declareFields, readFields } from './fields.js';

export interface Script {
  name: string;
  source: string;
  sha: string;
}

const FOLDER = join(import.meta.dirname, '..', 'lua');
/** Files that are only included. */
const PARTS = new Set(['verb', 'view', 'slot', 'space', 'content']);

/** Keys that one script looks at: a hundred thousand would keep the store from everybody else for a second. */
export const KEYS_AT_ONCE = 1_000;

const LIMITS: Record<string, number> = { KEYS_AT_ONCE, MAX_FUNCTIONS_PER_SESSION, MAX_REQUEST_IDS, REQUEST_ID_KEEP_MS, SMALL_SESSION_BYTES };

export function loadScripts(): Map<string, Script> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.lua')).map((file) => file.slice(0, -'.lua'.length));
  return new Map(files.filter((name) => !PARTS.has(name)).map((name) => [name, makeScript(name)]));
}

function makeScript(name: string): Script {
  const source = fillIn(name);
  return { name, source, sha: createHash('sha1').update(source).digest('hex') };
}

function fillIn(name: string): string {
  const lines = readFileSync(join(FOLDER, `${name}.lua`), 'utf8').split('\n').map((line) => {
    const [, directive, rest = ''] = /^\s*--@(\w+)\s*(.*)$/.exec(line) ?? [];
    switch (directive) {
      case undefined: return line.replace(/\bLIMIT\.(\w+)/g, (_, limit: string) => String(LIMITS[limit]));
      case 'include': return fillIn(rest.trim());
      case 'read': return readFields(rest.trim().split(/\s+/));
      case 'fields': return declareFields();
      default: throw new Error(`${name}.lua has an unknown directive ${directive}`);
    }
  });
  // Comments and indentation cost the server memory and the network bytes at each connect.
  return lines.map((line) => line.trim()).filter((line) => line !== '' && !/^--(?!\[)/.test(line)).join('\n');
}
