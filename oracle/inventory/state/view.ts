/** Objects as they are returned: a node with its BMC and its interfaces, and never a secret. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Row, Value } from './row.js';
import type { WorkingSet } from './working-set.js';

export function viewOf(set: WorkingSet, object: ObjectName, row: Row): Value {
  if (object !== 'ComputeNode') return row.value;
  const { bmc_id: bmcId, creator_subject, created_at, modified_at, ...fields } = row.value;
  const interfaces = set.findAll('NetworkInterface', 'compute_node_id', row.id);
  const bmc = typeof bmcId === 'string' ? set.get('BMC', bmcId) : undefined;
  return {
    ...fields, ...(interfaces.length > 0 && { network_interfaces: interfaces.map(({ value }) => value) }), ...(bmc && { bmc: shortBmc(bmc) }),
    creator_subject, created_at, modified_at,
  };
}

/** Beside a node a BMC is shown without who noted it and when, so that the node can be sent back as it is. */
function shortBmc({ value }: Row): Value {
  const { creator_subject: _c, created_at: _a, modified_at: _m, ...fields } = value;
  return fields;
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
