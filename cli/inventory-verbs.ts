/** What the verbs of `inventory` do that are about objects. */
import { open } from 'node:fs/promises';
import PQueue from 'p-queue';
import { readSecret } from '../runtime/base/credentials.js';
import { OBJECT_NAMES, type ObjectName } from '../runtime/model/inventory/objects.js';
import { CliFailure, reasonOfFile, wrongUsage } from './failure.js';
import { sendAll, type Sent } from './inventory-batches.js';
import { assertValid, readInput, schemaCheck } from './inventory-input.js';
import { DEFAULT_WAYS, findInventory, type InventoryClient, type InventoryOptions } from './inventory-target.js';
import { facts, print, table } from './print.js';

type Fields = Record<string, unknown>;

/** In this order an import finds what an object needs. */
const EXPORTED: ObjectName[] = ['BMC', 'ComputeNode', 'NetworkInterface', 'Component', 'NodeCollection'];
const COLUMNS: Record<ObjectName, string[]> = {
  ComputeNode: ['id', 'xname', 'hostname', 'architecture', 'boot_mac', 'boot_ipv4_address'],
  NetworkInterface: ['id', 'interface_name', 'mac_address', 'ipv4_address', 'compute_node_id'],
  BMC: ['id', 'xname', 'mac_address', 'username', 'ipv4_address'],
  Component: ['ID', 'Type', 'State', 'Flag', 'Role', 'NID', 'Arch'],
  NodeCollection: ['id', 'name', 'type', 'nodes'],
};
const MOST_SHOWN = 20;
const PAGE = 1_000;

export async function create(given: string, options: InventoryOptions): Promise<void> {
  const object = objectNamed(given);
  const { objects, isOne } = await readInput(options);
  if (options.schemaDir !== undefined) assertValid(objects, isOne, await schemaCheck(options.schemaDir, object));
  const client = await findInventory(options);
  if (isOne && !options.partial) {
    print(await client.json<Fields>('POST', `/${object}`, { body: objects[0] }), options.json, facts);
    return;
  }
  report(object, await sendAll(client, object, objects, options), options);
}

export async function get(given: string, id: string, options: InventoryOptions): Promise<void> {
  const client = await findInventory(options);
  const asOf = options.asOf === undefined ? '' : `?asOf=${encodeURIComponent(options.asOf)}`;
  print(await client.json<Fields>('GET', `/${objectNamed(given)}/${encodeURIComponent(id)}${asOf}`), options.json, facts);
}

export async function list(given: string, options: InventoryOptions): Promise<void> {
  const object = objectNamed(given);
  const query = new URLSearchParams();
  for (const filter of options.filter ?? []) {
    const [name, ...value] = filter.split('=');
    if (value.length === 0) throw wrongUsage(`--filter ${filter} has not the form name=value`);
    query.append(name!, value.join('='));
  }
  if (options.sort !== undefined) query.set('sort', options.sort);
  if (options.asOf !== undefined) query.set('asOf', options.asOf);
  const found: Fields[] = [];
  for await (const page of pages(await findInventory(options), object, query, options.limit)) found.push(...page);
  print(found, options.json, (rows) => table(COLUMNS[object].map((column) => column.toUpperCase()), rows.map((row) => COLUMNS[object].map((column) => cell(row[column])))));
}

export async function update(given: string, id: string, options: InventoryOptions): Promise<void> {
  const object = objectNamed(given);
  const { objects, isOne } = await readInput(options);
  if (!isOne) throw wrongUsage('update takes one object');
  if (options.schemaDir !== undefined) assertValid(objects, true, await schemaCheck(options.schemaDir, object, true));
  const client = await findInventory(options);
  print(await client.json<Fields>('PUT', `/${object}/${encodeURIComponent(id)}`, { body: objects[0], headers: conditionOf(options) }), options.json, facts);
}

export async function remove(given: string, ids: string[], options: InventoryOptions): Promise<void> {
  const object = objectNamed(given);
  const client = await findInventory(options);
  const queue = new PQueue({ concurrency: options.concurrency ?? DEFAULT_WAYS.concurrency });
  const results = await Promise.allSettled(ids.map((id) => queue.add(() => client.call('DELETE', `/${object}/${encodeURIComponent(id)}`, { headers: conditionOf(options) }))));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as CliFailure] : []));
  const deleted = ids.filter((_, index) => results[index]!.status === 'fulfilled');
  if (deleted.length > 0) print({ deleted }, options.json, () => `deleted ${deleted.length} ${object}`);
  if (failures.length > 0) throw new CliFailure(failures.map(({ message }) => message).join('\n       '), failures[0]!.exitCode, failures[0]!.details);
}

/** Lines of `{"object": …, "value": …}`. Passwords never leave the inventory, so BMCs come without theirs. */
export async function exportAll(options: InventoryOptions): Promise<void> {
  const client = await findInventory(options);
  const out = await outputOf(options.out);
  try {
    if (options.domainFile) {
      const query = options.collection === undefined ? '' : `?collection=${encodeURIComponent(options.collection)}`;
      await out.write((await client.call('GET', `/domain.yml${query}`)).bytes.toString('utf8'));
      return;
    }
    for (const object of EXPORTED) {
      for await (const page of pages(client, object, new URLSearchParams())) await out.write(page.map((value) => `${JSON.stringify({ object, value })}\n`).join(''));
    }
  } finally {
    await out.close();
  }
}

export async function importAll(options: InventoryOptions): Promise<void> {
  const { objects } = await readInput(options);
  const lines = objects.map((each, index) => lineOf(each, index));
  const groups = EXPORTED.map((object) => ({ object, values: lines.filter((line) => line.object === object).map(({ value }) => value) })).filter(({ values }) => values.length > 0);
  if (options.schemaDir !== undefined) for (const { object, values } of groups) assertValid(values, false, await schemaCheck(options.schemaDir, object, true));
  const password = options.bmcPasswordFile === undefined ? undefined : await readSecret(options.bmcPasswordFile).catch((error: Error) => {
    throw wrongUsage(`the password of the BMCs cannot be read: ${reasonOfFile(error, options.bmcPasswordFile!)}`);
  });
  const client = await findInventory(options);
  const all: Sent = { created: 0, refused: [] };
  for (const { object, values } of groups) {
    const sent = await sendAll(client, object, wanted(object, values, password), options);
    all.created += sent.created;
    all.refused.push(...sent.refused);
  }
  report('object', all, options);
}

/** Without what comes with the nodes: their interfaces; and without BMCs that have no credentials to be created with, unless there is a password for them. */
function wanted(object: ObjectName, values: Fields[], password: string | undefined): Fields[] {
  if (object === 'NetworkInterface') return values.filter((value) => value['compute_node_id'] === undefined);
  if (object === 'BMC') return values.filter(isComplete).flatMap((value) => (value['password'] !== undefined ? [value] : password !== undefined ? [{ ...value, password }] : []));
  if (object !== 'ComputeNode') return values;
  return values.map((value) => {
    const { bmc, network_interfaces: interfaces = [], ...fields } = value as { bmc?: Fields; network_interfaces?: Fields[] };
    const cards = interfaces.map((each) => without(each, ['id', 'compute_node_id']));
    const isThere = bmc && (bmc['password'] !== undefined || (password !== undefined && isComplete(bmc)));
    return { ...fields, ...(cards.length > 0 && { network_interfaces: cards }), ...(isThere && { bmc: without(bmc, ['id', 'inferred']) }) };
  });
}

/** One that was inferred from an xname has neither; it will be inferred again. */
function isComplete(bmc: Fields): boolean {
  return bmc['username'] !== undefined && bmc['mac_address'] !== undefined;
}

function without(fields: Fields, names: string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function lineOf(line: unknown, index: number): { object: ObjectName; value: Fields } {
  const { object, value } = (line ?? {}) as { object?: unknown; value?: unknown };
  if (!OBJECT_NAMES.includes(object as ObjectName) || typeof value !== 'object' || value === null) throw wrongUsage(`object ${index + 1} has not the form {"object": "ComputeNode", "value": {…}}`);
  return { object: object as ObjectName, value: value as Fields };
}

async function* pages(client: InventoryClient, object: ObjectName, query: URLSearchParams, limit = Number.POSITIVE_INFINITY): AsyncGenerator<Fields[]> {
  query.set('limit', String(Math.min(limit, PAGE)));
  let left = limit;
  for (let path: string | undefined = `/${object}?${query}`; path !== undefined && left > 0;) {
    const { bytes, headers } = await client.call('GET', path);
    const page = (JSON.parse(bytes.toString('utf8')) as Fields[]).slice(0, left);
    left -= page.length;
    yield page;
    path = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1];
  }
}

async function outputOf(file: string | undefined): Promise<{ write(text: string): Promise<unknown>; close(): Promise<void> }> {
  if (file === undefined) return { write: async (text) => process.stdout.write(text), close: async () => undefined };
  const handle = await open(file, 'w', 0o600);
  return { write: (text) => handle.write(text), close: () => handle.close() };
}

function report(object: string, { created, refused }: Sent, { json }: InventoryOptions): void {
  if (created > 0 || refused.length === 0) print({ created, refused }, json, () => `created ${created} ${object}${created === 1 ? '' : 's'}`);
  if (refused.length === 0) return;
  const lines = refused.slice(0, MOST_SHOWN).map(({ index, problem }) => `\n  ${index}: ${(problem as { detail?: string }).detail ?? 'refused'}`);
  const more = refused.length > MOST_SHOWN ? `\n  and ${refused.length - MOST_SHOWN} more` : '';
  throw new CliFailure(`${refused.length} of ${created + refused.length} objects were refused${lines.join('')}${more}`, 1, { created, refused });
}

function objectNamed(given: string): ObjectName {
  const found = OBJECT_NAMES.find((name) => name.toLowerCase() === given.toLowerCase());
  if (!found) throw wrongUsage(`there is no object ${given}; it is one of ${OBJECT_NAMES.join(', ')}`);
  return found;
}

function conditionOf({ ifMatch }: InventoryOptions): Record<string, string> {
  return ifMatch === undefined ? {} : { 'if-match': ifMatch };
}

function cell(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? String(value.length) : String(value);
}
