/** Fields of a form or a query as Node's web frameworks read them: `a=1&a=2`, `a[]=1`, `a[b][c]=1`. */

export type Field = string | Field[] | Fields;
export interface Fields {
  [name: string]: Field;
}

const MOST_DEEP = 5;
const MOST_IN_LIST = 20;
export const MOST_FIELDS = 1_000;

/** What comes after the first thousand is left out. */
export function fieldsOf(text: string): Fields {
  const fields: Fields = {};
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    if (count >= MOST_FIELDS) break;
    count += 1;
    const steps = stepsOf(name);
    if (!steps.includes('__proto__')) put(fields, steps, value);
  }
  closeUp(fields);
  return fields;
}

/** `a[7]=x` is a list of one. */
function closeUp(fields: Field): void {
  if (typeof fields === 'string') return;
  if (Array.isArray(fields)) fields.splice(0, fields.length, ...fields.filter(() => true));
  for (const field of Object.values(fields)) closeUp(field as Field);
}

/** `a[b][]` → a, b, ''. What is not well formed, or too deep, is a part of a name. */
function stepsOf(name: string): string[] {
  const open = name.indexOf('[');
  if (open <= 0) return [name];
  const steps = [name.slice(0, open)];
  let rest = name.slice(open);
  for (let match; steps.length <= MOST_DEEP && (match = /^\[([^[\]]*)\]/.exec(rest)) !== null; rest = rest.slice(match[0].length)) steps.push(match[1]!);
  if (steps.length === 1) return [name];
  if (rest !== '') steps.push(rest);
  return steps;
}

function put(into: Fields | Field[], [step = '', ...further]: string[], value: string): void {
  const place = into as Record<string, Field | undefined>;
  const at = Array.isArray(into) && step === '' ? String(into.length) : step;
  const there = Object.hasOwn(place, at) ? place[at] : undefined;
  if (further.length > 0) {
    const inner = containerFor(there, further[0]!);
    place[at] = inner;
    put(inner, further, value);
  } else if (there === undefined) place[at] = value;
  else if (Array.isArray(there)) there.push(value);
  else place[at] = [there, value];
}

/** A list takes numbers, and what has none; with any other name it becomes an object. */
function containerFor(there: Field | undefined, next: string): Fields | Field[] {
  const isPlace = next === '' || /^\d{1,2}$/.test(next) && Number(next) <= MOST_IN_LIST;
  if (there === undefined) return isPlace ? [] : {};
  if (typeof there === 'string') return isPlace ? [there] : { [there]: 'true' };
  return Array.isArray(there) && !isPlace ? { ...there } as unknown as Fields : there;
}
