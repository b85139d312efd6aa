/** Puts the inventory together: what the oracle constructs, starts and closes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/base/clock.js';
import type { DomainArea } from '../../runtime/base/domain-file.js';
import type { Credentials } from '../../runtime/base/credentials.js';
import type { Ids } from '../../runtime/base/ids.js';
import type { Log } from '../../runtime/base/log.js';
import { createCompiler, type Validator } from '../../runtime/base/validation.js';
import { OBJECT_NAMES, type ObjectName, objectDefinitions, type ObjectOptions, replacementOf } from '../../runtime/model/inventory/objects.js';
import type { RegisteredNode } from '../../runtime/model/oracle-answers.js';
import { createAccess } from './http/access.js';
import { createDoor } from './http/app.js';
import { historyRoutes } from './http/history-routes.js';
import { objectRoutes } from './http/object-routes.js';
import type { InventoryRoute } from './http/route.js';
import { schemaRoutes } from './http/schema-routes.js';
import { smdRoutes } from './http/smd-routes.js';
import { EdgeNodes } from './edge-nodes.js';
import { Inventory } from './inventory.js';
import { readKey, createCipher } from './keep/cipher.js';
import { Keeping, type KeepingParts } from './keep/keeping.js';
import { type InventorySettings, snapshotSettings } from './settings.js';

export interface CreateInventoryParts {
  /** Its own folder: journal, snapshots, key. */
  folder: string;
  settings: InventorySettings;
  /** Collections that the domain file has. */
  areas?: DomainArea[];
  /** Id of the domain whose nodes it notes. */
  domainId?: string;
  credentials?: Credentials;
  clock: Clock;
  ids: Ids;
  log: Log;
  openJournalFile?: KeepingParts['openJournalFile'];
  sourceLimits?: KeepingParts['sourceLimits'];
  keysAgainMs?: number;
}

export interface RunningInventory {
  inventory: Inventory;
  keeping: Keeping;
  routes: InventoryRoute[];
  /** Resolves when everything is brought back; before that single objects are answered, and nodes are not to be noted. */
  whole(): Promise<void>;
  /** Whether this path is the inventory's. */
  owns(path: string): boolean;
  serve(request: IncomingMessage, response: ServerResponse): void;
  /** A node of the domain has registered, or is still there. Returns the collections that it is in. */
  registered(node: RegisteredNode, hardware: unknown): string[];
  failed(name: string): void;
  /** Id that the inventory has for the node of the domain of that name. */
  idOf(name: string): string | undefined;
  /** To be called now and then. */
  sweep(): void;
  close(): Promise<void>;
}

export async function createInventory({ folder, settings, areas = [], domainId = 'local', credentials, clock, ids, log, openJournalFile, sourceLimits, keysAgainMs }: CreateInventoryParts): Promise<RunningInventory> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const options: ObjectOptions = { strictXnames: settings.strictXnames ?? false };
  const inventory = new Inventory({
    validators: createValidators(options), strictXnames: options.strictXnames, cipher: createCipher(await readKey(join(folder, 'key'))), clock, ids,
  });
  const access = await createAccess({ ...(credentials && { credentials }), ...(settings.tokens && { tokens: settings.tokens }), ...(settings.reads && { reads: settings.reads }), ...(keysAgainMs !== undefined && { keysAgainMs }), clock });
  const edge = new EdgeNodes({ inventory, clock, log });
  const keeping = new Keeping({ inventory, folder, onRestored: () => edge.restored(), snapshots: snapshotSettings(settings), remote: settings.remote ?? [], clock, log, ...(openJournalFile && { openJournalFile }), ...(sourceLimits && { sourceLimits }) });
  await keeping.start();
  const routes: InventoryRoute[] = [
    ...objectRoutes({ inventory, past: (asOf) => keeping.past(asOf), sortable: sortableFields(options) }), ...smdRoutes(inventory),
    ...historyRoutes(inventory, keeping, domainId), ...schemaRoutes(options, () => routes),
  ];
  edge.areas(areas);
  const door = createDoor({ routes, whole: () => inventory.set.whole, access, ids, clock, log });
  return {
    inventory, keeping, routes, whole: () => inventory.set.whole, owns: (path) => door.owns(path), serve: (request, response) => door.serve(request, response),
    registered: (node, hardware) => edge.registered(node, hardware), failed: (name) => edge.failed(name), idOf: (name) => edge.idOf(name), sweep: () => edge.sweep(),
    async close() {
      await edge.settled();
      await keeping.close();
    },
  };
}

function createValidators(options: ObjectOptions): Record<ObjectName, { create: Validator; replace: Validator }> {
  const compile = createCompiler();
  const definitions = objectDefinitions(options);
  return Object.fromEntries(OBJECT_NAMES.map((name) => [
    name, { create: whenFirstUsed(() => compile(definitions[name])), replace: whenFirstUsed(() => compile(replacementOf(name, definitions[name]))) },
  ])) as Record<ObjectName, { create: Validator; replace: Validator }>;
}

/** Compiling all of them would take a third of the start of an empty inventory. */
function whenFirstUsed(compile: () => Validator): Validator {
  let validator: Validator | undefined;
  return (value) => (validator ??= compile())(value);
}

/** Those with one value. */
function sortableFields(options: ObjectOptions): Record<ObjectName, string[]> {
  const definitions = objectDefinitions(options);
  const isPlain = (schema: { type?: unknown; writeOnly?: unknown }) => ['string', 'integer', 'number', 'boolean'].includes(schema.type as string) && schema.writeOnly !== true;
  return Object.fromEntries(OBJECT_NAMES.map((name) => [
    name, Object.entries(definitions[name].properties).filter(([field, schema]) => isPlain(schema) && field !== 'location_string').map(([field]) => field),
  ])) as Record<ObjectName, string[]>;
}
