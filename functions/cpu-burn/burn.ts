/** Keeps the processor busy for so many milliseconds. @returns turns of the loop that fitted in */
export function burn(ms: number, now: () => number = () => performance.now()): number {
  const end = now() + ms;
  let rounds = 0;
  while (now() < end) rounds += 1;
  return rounds;
}
