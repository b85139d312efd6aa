/**
 * The inventory's objects, defined once: types, validation, JSON Schema files, OpenAPI and the columns of
 * the tables all follow from here. Fields marked readOnly are set by the inventory, writeOnly ones never leave it.
 */
import { type Static, type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { BMC_XNAME, COMPONENT_TYPES, NODE_XNAME, PLACE_NAME, STRICT_BMC_XNAME, STRICT_NODE_XNAME } from './xname.js';

const MAC = '^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$|^([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}$';
const LABEL = '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$';

const text = (description: string, maxLength = 1_024) => Type.Optional(Type.String({ description, maxLength }));
const uuid = (description: string) => Type.Optional(Type.String({ format: 'uuid', description }));
const oneOf = (description: string, values: string[]) => Type.Optional(Type.Unsafe<string>({ type: 'string', enum: values, description }));
const mac = (description: string) => Type.String({ pattern: MAC, description });
const ipv4 = (description: string) => Type.Optional(Type.String({ format: 'ipv4', description }));
const ipv6 = (description: string) => Type.Optional(Type.String({ format: 'ipv6', description }));
const anything = (description: string) => Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description }));
const moment = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }));
const closed = <P extends TProperties>(properties: P, options: object = {}) => Type.Object(properties, { additionalProperties: false, ...options });

/** What the inventory notes about every object. */
const NOTED = {
  creator_subject: Type.Optional(Type.String({ readOnly: true, description: 'Who created it: the subject of the token, or admin.' })),
  created_at: Type.Optional(Type.String({ format: 'date-time', readOnly: true, description: 'When it was created.' })),
  modified_at: Type.Optional(Type.String({ format: 'date-time', readOnly: true, description: 'When it was last changed.' })),
};

const BootData = closed({
  id: uuid('Id of the boot data.'),
  kernel_url: text('Where the kernel is loaded from.', 2_048),
  kernel_command_line: text('What the kernel is told.', 4_096),
  image_url: text('Where the image is loaded from.', 2_048),
}, { description: 'What the node boots.' });

const CloudInitData = closed({
  id: uuid('Id of the cloud-init data.'),
  userdata: anything('User data.'), metadata: anything('Metadata.'), vendordata: anything('Vendor data.'),
}, { description: 'What cloud-init gets.' });

const Spec = closed({
  hostname: text('Host name that is wished for.', 253), boot_mac: Type.Optional(mac('MAC address to boot from.')),
  boot_ipv4_address: ipv4('IPv4 address wished for.'), boot_ipv6_address: ipv6('IPv6 address wished for.'),
  bmc_endpoint: text('Address of the BMC.', 2_048), boot_configuration: Type.Optional(BootData),
}, { description: 'How the node should be.' });

const Status = closed({
  power_state: Type.Optional(closed({ on: Type.Boolean({ description: 'Whether it is powered on.' }), last_updated: moment('When that was seen.') })),
  boot_configuration: Type.Optional(closed({ boot_data: Type.Optional(BootData), last_updated: moment('When that was seen.') })),
  extended_data: anything('Whatever else is known.'),
}, { description: 'How the node is.' });

const Hardware = closed({
  hostname: text('Name of the machine.', 253),
  cpu_model: text('Model of the processor; empty when unknown.'),
  cpu_count: Type.Optional(Type.Integer({ minimum: -1, description: 'Processors; -1 when unknown.' })),
  core_count: Type.Optional(Type.Integer({ minimum: -1, description: 'Threads the system runs at once; -1 when unknown.' })),
  clock_mhz: Type.Optional(Type.Number({ minimum: -1, description: 'Clock of the processor; -1 when unknown.' })),
  memory_mb: Type.Optional(Type.Integer({ minimum: -1, description: 'Memory in MiB; -1 when unknown.' })),
  disk_mb: Type.Optional(Type.Integer({ minimum: -1, description: 'Size in MiB of the disk its state lies on; -1 when unknown.' })),
  gpu_count: Type.Optional(Type.Integer({ minimum: -1, description: 'Graphics processors; -1 when unknown.' })),
  has_tpm: Type.Optional(Type.Boolean({ description: 'Whether a trusted platform module was found.' })),
  os: text('Operating system and its release.'),
  sources: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Where each fact comes from.' })),
}, { description: 'What the machine was found to have.' });

const DomainNode = closed({
  name: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$', description: 'Name of the node.' }),
  parent: text('Name of the node above; missing at the root.', 63),
  level: text('Level: cloud, city, edge, …', 63),
  url: text('Where it is reached.', 2_048),
  store: text('Its store, as the domain file says it.', 2_048),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Its port, as the domain file says it.' })),
  labels: Type.Optional(Type.Record(Type.String({ pattern: LABEL }), Type.String({ maxLength: 256 }), { description: 'Its labels.', additionalProperties: false })),
}, { description: 'Its place in the domain\'s tree, when it runs functions.' });

export interface ObjectOptions {
  /** Only xnames of the hardware state manager's forms. */
  strictXnames: boolean;
}

/** What a node tells of its machine when it registers. */
export const HARDWARE: TObject = Hardware;

function definitions({ strictXnames }: ObjectOptions) {
  const nodeXname = Type.String({ pattern: strictXnames ? STRICT_NODE_XNAME : NODE_XNAME, description: 'Place of a node: cabinet, chassis, slot, BMC, node.' });
  const bmcXname = Type.String({ pattern: strictXnames ? STRICT_BMC_XNAME : BMC_XNAME, description: 'Place of a BMC: cabinet, chassis, slot, BMC.' });
  const member = strictXnames ? nodeXname : Type.String({ pattern: PLACE_NAME, description: 'Xname of a node, or the name of a node of the domain.' });

  const NetworkInterface = closed({
    id: uuid('Id of the interface.'),
    interface_name: Type.String({ minLength: 1, maxLength: 64, description: 'Name in the operating system, such as eth0.' }),
    ipv4_address: ipv4('IPv4 address.'), ipv6_address: ipv6('IPv6 address.'),
    mac_address: mac('MAC address.'),
    description: text('For people.', 4_096),
    serial: text('Serial number.'), model: text('Model.'), manufacturer: text('Manufacturer.'), firmware_version: text('Version of its firmware.'),
    extended_data: anything('Whatever else is known.'),
    compute_node_id: uuid('The node it belongs to.'),
    ...NOTED,
  }, { description: 'A network interface, of a node or by itself.' });

  const BMC = closed({
    id: uuid('Id of the BMC.'),
    xname: Type.Optional(bmcXname),
    location_string: Type.Optional(Type.String({ ...bmcXname, description: 'Another name of xname.' })),
    username: Type.String({ minLength: 1, maxLength: 256, description: 'User of its management interface.' }),
    password: Type.String({ minLength: 1, maxLength: 1_024, writeOnly: true, description: 'Password of that user; kept encrypted, never returned.' }),
    ipv4_address: ipv4('IPv4 address.'), ipv6_address: ipv6('IPv6 address.'),
    mac_address: mac('MAC address.'),
    description: text('For people.', 4_096),
    inferred: Type.Optional(Type.Boolean({ readOnly: true, description: 'True as long as all that is known of it follows from the xname of a node.' })),
    ...NOTED,
  }, { description: 'A board management controller.' });

  const EmbeddedBMC = closed(optional(BMC.properties, Object.keys(NOTED)), {
    description: 'The node\'s BMC: one that exists, found by its xname, then its MAC address, or a new one with all that a BMC needs.',
  });

  const EmbeddedInterface = closed(NetworkInterface.properties, { description: NetworkInterface.description });

  const ComputeNode = closed({
    id: uuid('Id of the node.'),
    hostname: Type.String({ minLength: 1, maxLength: 253, description: 'Host name.' }),
    xname: Type.Optional(nodeXname),
    location_string: Type.Optional(Type.String({ ...nodeXname, description: 'Another name of xname.' })),
    architecture: Type.String({ minLength: 1, maxLength: 64, description: 'Architecture of the processor, such as x86_64.' }),
    boot_mac: Type.Optional(mac('MAC address of the interface it boots from.')),
    boot_ipv4_address: ipv4('IPv4 address at boot.'), boot_ipv6_address: ipv6('IPv6 address at boot.'),
    network_interfaces: Type.Optional(Type.Array(EmbeddedInterface, { maxItems: 256, description: 'Its network interfaces.' })),
    bmc: Type.Optional(EmbeddedBMC),
    description: text('For people.', 4_096),
    boot_data: Type.Optional(BootData), cloud_init_data: Type.Optional(CloudInitData),
    spec: Type.Optional(Spec), status: Type.Optional(Status), hardware: Type.Optional(Hardware), domain_node: Type.Optional(DomainNode),
    ...NOTED,
  }, { description: 'A node: what it is.' });

  const Component = closed({
    UID: uuid('Id of the component.'),
    ID: strictXnames
      ? Type.String({ pattern: '^[a-z][0-9]+([a-z][0-9]+)*$', maxLength: 253, description: 'Xname of the component.' })
      : Type.String({ pattern: PLACE_NAME, description: 'Xname of the component, or the name of a node of the domain.' }),
    Type: oneOf('Kind of component; follows from an xname when it is missing.', [...COMPONENT_TYPES, 'VirtualNode', 'Other']),
    Subtype: text('Further kind.', 64),
    Role: oneOf('What it is used for.', ['Compute', 'Service', 'System', 'Application', 'Storage', 'Management']),
    SubRole: oneOf('What it is used for, in detail.', ['Master', 'Worker', 'Storage']),
    NetType: oneOf('Its network.', ['Sling', 'Infiniband', 'Ethernet', 'OEM', 'None']),
    Arch: oneOf('Its architecture.', ['X86', 'ARM', 'UNKNOWN', 'Other']),
    Class: oneOf('Its cabinet.', ['River', 'Mountain', 'Hill', 'Other']),
    State: oneOf('Its state.', ['Unknown', 'Empty', 'Populated', 'Off', 'On', 'Standby', 'Halt', 'Ready']),
    Flag: oneOf('Its condition.', ['Unknown', 'OK', 'Warning', 'Alert', 'Locked']),
    Enabled: Type.Optional(Type.Boolean({ description: 'Whether it may be used.' })),
    SoftwareStatus: text('Status of its software.', 256),
    NID: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'Number of the node.' })),
    ReservationDisabled: Type.Optional(Type.Boolean({ description: 'Whether nobody may reserve it.' })),
    Locked: Type.Optional(Type.Boolean({ description: 'Whether it is locked.' })),
    ...NOTED,
  }, { description: 'The state of a component.' });

  const NodeCollection = closed({
    id: uuid('Id of the collection.'),
    name: Type.String({ minLength: 1, maxLength: 253, pattern: '^[^/]+$', description: 'Its name, once in the inventory.' }),
    alias: Type.Optional(Type.String({ minLength: 1, maxLength: 253, pattern: '^[^/]+$', description: 'Another name.' })),
    type: Type.Unsafe<CollectionType>({
      type: 'string', enum: ['ad-hoc', 'tenant', 'job', 'partition'],
      description: 'A node is in one tenant and in one partition at most, in any number of jobs and ad-hoc collections.',
    }),
    nodes: Type.Array(member, { uniqueItems: true, maxItems: 1_000_000, description: 'Its members.' }),
    owner: uuid('Id of its owner.'),
    description: text('For people.', 4_096),
    ...NOTED,
  }, { description: 'A set of nodes.' });

  return { ComputeNode, NetworkInterface, BMC, Component, NodeCollection };
}

export type CollectionType = 'ad-hoc' | 'tenant' | 'job' | 'partition';

/** Every property optional but those of `without`, which are left out. */
function optional(properties: TProperties, without: string[]): TProperties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !without.includes(name)).map(([name, each]) => [name, Type.Optional(each)]));
}

export type Definitions = ReturnType<typeof definitions>;
export type ObjectName = keyof Definitions;
export type ComputeNode = Static<Definitions['ComputeNode']>;
export type NetworkInterface = Static<Definitions['NetworkInterface']>;
export type BMC = Static<Definitions['BMC']>;
export type Component = Static<Definitions['Component']>;
export type NodeCollection = Static<Definitions['NodeCollection']>;

export const OBJECT_NAMES: ObjectName[] = ['ComputeNode', 'NetworkInterface', 'BMC', 'Component', 'NodeCollection'];

export function objectDefinitions(options: ObjectOptions): Record<ObjectName, TObject> {
  return definitions(options);
}

/** As a replacement may come: what was given once and never returned, and what a BMC inferred from an xname never had, may be missing. */
export function replacementOf(name: ObjectName, definition: TObject): TObject {
  if (name !== 'BMC') return definition;
  return { ...definition, required: definition.required!.filter((field) => field !== 'password') };
}

/** As an object is returned: nothing that is writeOnly, and nothing promised that an inferred BMC lacks. */
export function returnedOf(name: ObjectName, definition: TObject): TObject {
  const properties = Object.fromEntries(Object.entries(definition.properties).filter(([, each]) => each['writeOnly'] !== true).map(([field, each]) => [field, withoutWriteOnly(each)]));
  const required = (definition.required ?? []).filter((field) => name !== 'BMC' && properties[field] !== undefined);
  return { ...definition, properties, required: [...required, name === 'Component' ? 'UID' : 'id'].filter((field, index, all) => all.indexOf(field) === index) };
}

function withoutWriteOnly(schema: TSchema): TSchema {
  if (schema['properties'] === undefined) return schema;
  return { ...schema, properties: Object.fromEntries(Object.entries(schema['properties'] as TProperties).filter(([, each]) => each['writeOnly'] !== true)) };
}
