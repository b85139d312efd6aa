/** Which nodes a deploy is for: `--in-every LEVEL`, `--in AREA` and `--except AREA`, said as OpenFaaS constraints. */
import { wrongUsage } from './failure.js';
import type { KnownNode } from './state.js';

/** Each may be given several times. An area is a node and everything below it, or a collection of the inventory. */
export interface Placement {
  inEvery?: string[];
  in?: string[];
  except?: string[];
}

/** Adds the three options; values may also be separated by commas. */
export const PLACEMENT_OPTIONS = [
  ['--in-every <level>', 'on every node of this level, such as edge; may be given again'],
  ['--in <area>', 'only in this area: a node and all below it, or a collection of the inventory; may be given again'],
  ['--except <area>', 'not in this area; may be given again'],
] as const;

/** A node, and the collections of the inventory that it is in. */
export interface PlacedNode extends KnownNode {
  collections?: readonly string[];
}

/** A level, a node within the areas, and none of the excepted: all three have to hold. Throws, with what there is, when a name is unknown or nothing is left. */
export function constraintsOf(placement: Placement, nodes: PlacedNode[]): string[] {
  const levels = checked('level', split(placement.inEvery), [...new Set(nodes.map(({ level }) => level))]);
  const collections = [...new Set(nodes.flatMap((node) => node.collections ?? []))].filter((name) => !nodes.some((node) => node.name === name));
  const names = [...nodes.map(({ name }) => name), ...collections];
  const inside = checked('area', split(placement.in), names);
  const outside = checked('area', split(placement.except), names);
  if (inside.some((name) => collections.includes(name)) && !inside.every((name) => collections.includes(name))) {
    throw wrongUsage(`--in names either nodes or collections; of ${inside.join(', ')}, collections are ${inside.filter((name) => collections.includes(name)).join(', ')}`);
  }
  for (const area of inside) {
    const found = areaOf(area, nodes);
    if (levels.length > 0 && !found.some(({ level }) => levels.includes(level))) {
      throw wrongUsage(`in ${area} there is no node of level ${levels.join(' or ')}; it has ${levelsOf(found).join(', ')}`);
    }
  }
  const excepted = new Set(outside.flatMap((area) => areaOf(area, nodes).map(({ name }) => name)));
  const wanted = (inside.length > 0 ? inside.flatMap((area) => areaOf(area, nodes)) : nodes)
    .filter(({ name, level }) => !excepted.has(name) && (levels.length === 0 || levels.includes(level)));
  if (wanted.length === 0) throw wrongUsage('no node is left: what is asked for is excepted');
  return [
    ...(levels.length > 0 ? [`level=${levels.join(',')}`] : []),
    ...areaConstraints('=', inside, nodes, collections), ...areaConstraints('!=', outside, nodes, collections),
  ];
}

/** Members of a collection follow the inventory; nodes of an area are named. */
function areaConstraints(operator: '=' | '!=', areas: string[], nodes: PlacedNode[], collections: string[]): string[] {
  const [named, ofTree] = [areas.filter((area) => collections.includes(area)), areas.filter((area) => !collections.includes(area))];
  return [
    ...(ofTree.length > 0 ? [`node${operator}${patternsOf(ofTree, nodes)}`] : []), ...(named.length > 0 ? [`collection${operator}${named.join(',')}`] : []),
  ];
}

function split(values: string[] = []): string[] {
  return [...new Set(values.flatMap((value) => value.split(',')).map((value) => value.trim()).filter(Boolean))];
}

function checked(what: string, asked: string[], known: string[]): string[] {
  const unknown = asked.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw wrongUsage(`there is no ${what} ${unknown.join(', ')}; the ${what}s: ${known.join(', ')}`);
  return asked;
}

/** The node and everything below it; `nodes` stand behind their parents. */
export function subtreeOf({ name }: KnownNode, nodes: KnownNode[]): KnownNode[] {
  return areaOf(name, nodes);
}

function areaOf(name: string, nodes: PlacedNode[]): PlacedNode[] {
  if (!nodes.some((node) => node.name === name)) return nodes.filter(({ collections }) => collections?.includes(name));
  const inside = new Set([name]);
  for (const node of nodes) if (node.parent !== undefined && inside.has(node.parent)) inside.add(node.name);
  return nodes.filter((node) => inside.has(node.name));
}

/** `milan*` where that means exactly the area, so that nodes which join it later are meant too; else its names. */
function patternsOf(areas: string[], nodes: KnownNode[]): string {
  const patterns = areas.flatMap((area) => {
    const inside = areaOf(area, nodes).map(({ name }) => name);
    const alike = nodes.filter(({ name }) => name.startsWith(area)).map(({ name }) => name);
    if (inside.length === nodes.length) return ['*'];
    return inside.length > 1 && sameNames(inside, alike) ? [`${area}*`] : inside;
  });
  return [...new Set(patterns)].join(',');
}

function sameNames(left: string[], right: string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}

function levelsOf(nodes: KnownNode[]): string[] {
  return [...new Set(nodes.map(({ level }) => level))];
}
