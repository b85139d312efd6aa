/** `inventory`: what every node is; objects, schemas, snapshots. */
import type { Command } from 'commander';
import { DEFAULT_WAYS, type InventoryOptions, withInventory } from './inventory-target.js';
import { positiveNumber } from './inventory-options.js';
import { examples } from './product.js';

const OBJECT = 'ComputeNode, NetworkInterface, BMC, Component or NodeCollection';
const verbs = () => import('./inventory-verbs.js');
const history = () => import('./inventory-history.js');

export function inventoryCommands(noun: Command): void {
  withInput(withInventory(noun.command('create').argument('<object>', OBJECT).description('create one object, an array or lines of them')))
    .option('--batch <count>', 'objects in one call', positiveNumber, DEFAULT_WAYS.batch)
    .option('--concurrency <count>', 'calls at once', positiveNumber, DEFAULT_WAYS.concurrency)
    .option('--partial', 'take the objects that are right and leave the others')
    .option('--quiet', 'no progress bar')
    .addHelpText('after', examples('inventory create ComputeNode --file nodes.ndjson --schema-dir schemas', `inventory create NodeCollection --data '{"name":"blue","type":"tenant","nodes":["x1000c0s0b0n0"]}'`))
    .action(async (object: string, options: InventoryOptions) => (await verbs()).create(object, options));

  withInventory(noun.command('get').argument('<object>', OBJECT).argument('<id>', 'id, or a name it has besides').description('show one object'))
    .option('--as-of <time>', 'as it was then: a time, or the name of a snapshot')
    .addHelpText('after', examples('inventory get ComputeNode x1000c0s0b0n0'))
    .action(async (object: string, id: string, options: InventoryOptions) => (await verbs()).get(object, id, options));

  withInventory(noun.command('list').argument('<object>', OBJECT).description('list objects'))
    .option('--filter <name=value>', 'only those that fit; may be given again', (text: string, before: string[] = []) => [...before, text])
    .option('--sort <field>', 'order; -field for the other way round')
    .option('--limit <count>', 'at most so many', positiveNumber)
    .option('--as-of <time>', 'as it was then: a time, or the name of a snapshot')
    .addHelpText('after', examples('inventory list ComputeNode --filter arch=aarch64 --filter missingIPV4=true --sort hostname'))
    .action(async (object: string, options: InventoryOptions) => (await verbs()).list(object, options));

  withInput(withInventory(noun.command('update').argument('<object>', OBJECT).argument('<id>').description('replace one object')))
    .option('--if-match <etag>', 'only when it is still this version')
    .addHelpText('after', examples('inventory update ComputeNode x1000c0s0b0n0 --file node.json'))
    .action(async (object: string, id: string, options: InventoryOptions) => (await verbs()).update(object, id, options));

  withInventory(noun.command('delete').argument('<object>', OBJECT).argument('<ids...>').description('delete objects'))
    .option('--if-match <etag>', 'only when it is still this version')
    .option('--concurrency <count>', 'calls at once', positiveNumber, DEFAULT_WAYS.concurrency)
    .addHelpText('after', examples('inventory delete ComputeNode x1000c0s0b0n0'))
    .action(async (object: string, ids: string[], options: InventoryOptions) => (await verbs()).remove(object, ids, options));

  noun.command('schemas').description('write the JSON Schema files of all objects; needs no domain')
    .option('--dir <folder>', 'where to', 'schemas')
    .option('--strict', 'with the xnames of the hardware state manager')
    .addHelpText('after', examples('inventory schemas --dir schemas'))
    .action(async (options: { dir: string; strict?: boolean }) => (await history()).writeSchemas(options));

  withInventory(noun.command('snapshot').description('make a snapshot now'))
    .addHelpText('after', examples('inventory snapshot'))
    .action(async (options: InventoryOptions) => (await history()).snapshot(options));

  withInventory(noun.command('restore').argument('<snapshot>').description('go back to a snapshot; what is now is kept as one'))
    .addHelpText('after', examples('inventory restore 2026-03-01T10-00-00.000Z'))
    .action(async (name: string, options: InventoryOptions) => (await history()).restore(name, options));

  withInventory(noun.command('history').description('the snapshots, or what changed since one'))
    .option('--from <time>', 'compare this state: a time, or the name of a snapshot')
    .option('--to <time>', 'with this one (default: what is now)')
    .option('--object <object>', 'only objects of this kind')
    .addHelpText('after', examples('inventory history', 'inventory history --from 2026-03-01T10:00:00Z --object ComputeNode'))
    .action(async (options: InventoryOptions) => (await history()).showHistory(options));

  withInput(withInventory(noun.command('import').description('create whatever a file of export has, object after object')))
    .option('--batch <count>', 'objects in one call', positiveNumber, DEFAULT_WAYS.batch)
    .option('--concurrency <count>', 'calls at once', positiveNumber, DEFAULT_WAYS.concurrency)
    .option('--partial', 'take the objects that are right and leave the others')
    .option('--quiet', 'no progress bar')
    .option('--bmc-password-file <file>', 'password of the BMCs, which an export never has; without one they are left out')
    .addHelpText('after', examples('inventory import --file inventory.ndjson'))
    .action(async (options: InventoryOptions) => (await verbs()).importAll(options));

  withInventory(noun.command('export').description('write everything as lines of JSON, or the domain file'))
    .option('--out <file>', 'where to (default: print)')
    .option('--domain-file', 'the domain file of the nodes that have a place in the tree')
    .option('--collection <name>', 'with --domain-file: only its members, and what stands above them')
    .addHelpText('after', examples('inventory export --out inventory.ndjson', 'inventory export --domain-file --out domain.yml'))
    .action(async (options: InventoryOptions) => (await verbs()).exportAll(options));
}

function withInput(command: Command): Command {
  return command
    .option('--data <json>', 'the object or objects, as text')
    .option('--file <file>', 'a file with JSON or lines of JSON; - reads standard input')
    .option('--schema-dir <folder>', 'check against the schema files there before any call');
}
