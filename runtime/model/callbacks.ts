/** Whom asynchronous calls may tell what became of them: `https://shop.example`, `https://*.example.org`, `http://localhost:*`, or `*` for everybody. */
const PATTERN = /^(?:\*|https?:\/\/(?:\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::(?:\d{1,5}|\*))?)$/i;

/** What is wrong with the list; undefined when nothing is. */
export function callbacksProblem(allowed: readonly string[]): string | undefined {
  const odd = allowed.find((pattern) => !PATTERN.test(pattern));
  return odd === undefined ? undefined : `${odd} is no place for callbacks: https://shop.example, https://*.example.org, http://localhost:* or *`;
}
