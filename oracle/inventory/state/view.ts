/** Objects as they are returned: a node with its BMC and its interfaces, and never a secret. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Row, Value } from './row.js';
import type { WorkingSet } from './working-set.js';

export function viewOf(set: WorkingSet, object: ObjectName, row: Row): Value {
  if (object !== 'ComputeNode') return row.value;
  const { value } = row;
  const view = without(value, LEFT_OUT);
  const interfaces = set.findAll('NetworkInterface', 'compute_node_id', row.id);
  if (interfaces.length > 0) view['network_interfaces'] = interfaces.map((each) => each.value);
  const bmc = typeof value['bmc_id'] === 'string' ? set.get('BMC', value['bmc_id']) : undefined;
  if (bmc) view['bmc'] = without(bmc.value, NOTED);
  for (const name of NOTED) view[name] = value[name];
  return view;
}

const NOTED = ['creator_subject', 'created_at', 'modified_at'];
const LEFT_OUT = [...NOTED, 'bmc_id'];

/** Beside a node a BMC is shown without who noted it and when, so that the node can be sent back as it is. */
function without(value: Value, names: string[]): Value {
  const left: Value = {};
  for (const name in value) if (!names.includes(name)) left[name] = value[name];
  return left;
}

/** Changes whenever what is returned changes. */
export function etagOf(set: WorkingSet, object: ObjectName, row: Row): string {
  let seq = row.seq;
  if (object === 'ComputeNode') {
    const bmc = typeof row.value['bmc_id'] === 'string' ? set.get('BMC', row.value['bmc_id']) : undefined;
    seq = Math.max(seq, bmc?.seq ?? 0, ...set.findAll('NetworkInterface', 'compute_node_id', row.id).map((each) => each.seq));
  }
  return `"${seq.toString(36)}"`;
}
