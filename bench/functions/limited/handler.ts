/**
 * Counts, as slowly as a small machine would: the node works on `?places=N` requests at once, and each keeps its place
 * for `?ms=N`. Whatever comes meanwhile waits its turn, first come first served, over all sessions of the node.
 */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

let inUse = 0;
const waiting: (() => void)[] = [];

async function taken(places: number): Promise<void> {
  if (inUse < places) inUse += 1;
  // Whoever gives a place back hands it to the first in line.
  else await new Promise<void>((resolve) => void waiting.push(resolve));
}

function giveBack(): void {
  const next = waiting.shift();
  if (next) next();
  else inUse -= 1;
}

export default class Limited extends Offloadable {
  async handleOffload({ query }: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    await taken(Number(query.get('places')));
    try {
      await new Promise((resolve) => void setTimeout(resolve, Number(query.get('ms'))));
    } finally {
      giveBack();
    }
    const n = Number((await edgeDB.get('n')) ?? 0) + 1;
    await edgeDB.set('n', String(n));
    return { n };
  }
}
