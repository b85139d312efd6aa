/**
 * The one declaration of what a slot's hash in Redis has. Scripts name no field by hand: the lines
 * `--@read a b c` and `--@include x` are filled in from here (scripts.ts).
 */

/** Fields of the hash that hold what changes with each request, and what the scripts of a request look at. */
export const FIELDS = {
  /** Slot fields that are looked at without decoding `rest`; they are in `rest` too. */
  state: 'twin', epoch: 'twin', incarnation: 'twin', copying: 'twin',
  version: 'number', ttlMs: 'number', lastAccessAtMs: 'number', bytes: 'number',
  /** JSON as the client wrote it. The lease is '' when there is none. */
  functions: 'json', owed: 'json', knownBy: 'json', lease: 'json',
  /** Name of the generation of data that is the session's own, and how much is in it. */
  space: 'text', firstReply: 'number', nextReply: 'number', effects: 'number', nextEffect: 'number',
  /** JSON of the slot's other fields, with the lists again behind them: what `acquire` answers without decoding it. */
  rest: 'rest',
} as const;

/** Slot fields inside `rest`. */
const REST = ['session', 'function', 'home', 'current', 'state', 'epoch', 'incarnation', 'copying', 'leaving', 'arriving', 'bornBy', 'createdAtMs'];

const names = (...kinds: string[]) => Object.entries(FIELDS).filter(([, kind]) => kinds.includes(kind)).map(([name]) => name);
const luaList = (values: string[]) => `{${values.map((value) => `'${value}'`).join(', ')}}`;

/** `local state, epoch = unpack(HMGET …)`: the fields by name; a missing one is false. */
export function readFields(wanted: string[]): string {
  const unknown = wanted.find((name) => !(name in FIELDS));
  if (unknown !== undefined) throw new Error(`a script reads the field ${unknown}, which fields.ts does not declare`);
  const quoted = wanted.map((name) => `'${name}'`).join(', ');
  return `local ${wanted.join(', ')} = unpack(redis.call('HMGET', slotKey, ${quoted}))`;
}

/** The lists by which slot.lua loads and saves a whole slot. */
export function declareFields(): string {
  return [
    `local REST = ${luaList(REST)}`,
    `local TWINS = ${luaList(names('twin'))}`,
    `local NUMBERS = ${luaList(names('number'))}`,
    `local TEXTS = ${luaList(names('json', 'text'))}`,
    `local LOADED = ${luaList(['rest', ...names('number'), ...names('json', 'text')])}`,
  ].join('\n');
}
