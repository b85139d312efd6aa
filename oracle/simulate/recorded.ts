/**
 * A trace from what an oracle recorded: `performance_samples.csv` says when each residency of a session
 * ran for how long, `mapping_to_instance_id.csv` which session and node a residency is, and
 * `capabilities.csv` the nodes. Requests count as arriving at the leaf where the session was seen first.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trace, TraceNode, TraceRequest } from './trace.js';

const HOP_MS = 8;
/** What a recording does not say. */
const SESSION_BYTES = 64 * 1024;

export async function recordedTrace(folder: string): Promise<Trace> {
  const [mapping, samples, capabilities] = await Promise.all(
    ['mapping_to_instance_id.csv', 'performance_samples.csv', 'capabilities.csv'].map((name) => rowsOf(join(folder, name))),
  );
  const nodes = nodesOf(capabilities!);
  const nodeNumber = new Map(nodes.map(({ name }, at) => [name, at]));
  const sessions: Trace['sessions'] = [];
  const sessionOf = new Map<string, number>();
  const residency = new Map<string, number>();
  for (const row of mapping!) {
    const { logical_id: lid, node_id: node, physical_id: pid } = row;
    if (!lid || !node || !pid || !nodeNumber.has(node)) continue;
    if (!sessionOf.has(lid)) sessionOf.set(lid, sessions.push({ id: lid, home: node, bytes: SESSION_BYTES }) - 1);
    residency.set(pid, sessionOf.get(lid)!);
  }
  const requests: TraceRequest[] = [];
  for (const { metric, identifier, value, timestamp } of samples!) {
    const session = residency.get(identifier ?? '');
    if (metric !== 'function_execution_time' || session === undefined) continue;
    const serviceMs = Number(value) * 1000;
    requests.push({ atMs: Number(timestamp) * 1000 - serviceMs, session, at: nodeNumber.get(sessions[session]!.home)!, serviceMs });
  }
  if (requests.length === 0) throw new Error(`${folder} holds no request: it needs performance samples of sessions that its mapping names`);
  requests.sort((left, right) => left.atMs - right.atMs);
  const startMs = requests[0]!.atMs;
  for (const request of requests) request.atMs -= startMs;
  return { name: folder, nodes, sessions, requests, hopMs: HOP_MS };
}

function nodesOf(rows: Record<string, string>[]): TraceNode[] {
  const nodes = new Map<string, TraceNode>();
  for (const row of rows) {
    const { node_id: name, parent_id: parent, num_cores: cores, mem_size: mebibytes } = row;
    if (!name) continue;
    nodes.set(name, {
      name, parent: parent === undefined || parent === '' ? null : parent, capacity: Math.max(1, Number(cores) || 1),
      memoryLimitBytes: (Number(mebibytes) || 0) * 1_048_576,
    });
  }
  return [...nodes.values()].map((node) => ({ ...node, parent: node.parent !== null && nodes.has(node.parent) ? node.parent : null }));
}

async function rowsOf(file: string): Promise<Record<string, string>[]> {
  const [head, ...lines] = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  const names = (head ?? '').split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']));
  });
}
