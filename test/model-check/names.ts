/** Ids that nothing remembers any more are as good as new ones: the fewer names, the fewer worlds. */
import type { Items, World } from './world.js';

/** A lease id that nobody remembers. With `residency`, one that is new in that residency alone: what a broken source of randomness would give. */
export function freshLease(world: World, residency?: number): string {
  const used = new Set<string>();
  for (const { slot, processes } of world.nodes) {
    if (slot?.lease && (residency === undefined || slot.epoch === residency)) used.add(slot.lease.id);
    for (const process of processes) if (process.kind === 'serve' && (residency === undefined || process.epoch === residency)) used.add(process.lease);
  }
  let i = 1;
  while (used.has(`l${i}`)) i += 1;
  return `l${i}`;
}

/** An attempt id or an incarnation that is written nowhere in the world. */
export function freshName(world: World, letter: string): string {
  const text = JSON.stringify([world.nodes, world.messages, world.ghost]);
  let i = 1;
  while (text.includes(`"${letter}${i}"`) || text.includes(` ${letter}${i}"`) || text.includes(`/${letter}${i}"`)) i += 1;
  return `${letter}${i}`;
}

/** The requests whose writes are in the data, and how many effects. */
export function written(items: Items): string {
  const names = Object.keys(items).filter((name) => name.startsWith('K')).sort();
  return [...names, ...(items['E'] ? [`E${items['E']}`] : [])].join('+');
}
