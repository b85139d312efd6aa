/** Refusals of a name that is not there; each says some of the names that are. */
import { Fault, someOf } from './faults.js';

/** @param deployed names of the functions that the node has */
export function functionUnknown(name: string, node: string, deployed: readonly string[]): Fault {
  return new Fault('FUNCTION_UNKNOWN', { function: name, node, deployed: someOf(deployed) });
}

/** @param known names of the nodes that whoever answers knows */
export function nodeUnknown(name: string, known: readonly string[]): Fault {
  return new Fault('NODE_UNKNOWN', { name, known: someOf(known) });
}
