/**
 * What the demos of the examples share: the domain that runs, found by the CLI's state folder, and calls on it as a client makes them.
 * A demo is started as `node functions/<name>/demo.mjs [state folder]`, and ends with 1 when something is not as it says.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** `{node(name or level), call, admin, move, fresh, say, expect, until}` of the domain in `.state`, or in the folder given as argument. */
export async function findDomain(folder = process.argv[2] ?? '.state') {
  const file = join(resolve(folder), 'domain.json');
  const record = JSON.parse(await readFile(file, 'utf8').catch(() => {
    throw new Error(`there is no ${file}: start a domain first (npm start), or name its state folder`);
  }));
  const password = (await readFile(record.passwordFile, 'utf8')).trim();
  const authorization = `Basic ${Buffer.from(`${record.adminUser}:${password}`).toString('base64')}`;
  return new Domain(record.nodes, authorization);
}

class Domain {
  constructor(nodes, authorization) {
    this.nodes = nodes;
    this.authorization = authorization;
  }

  /** The nodes that have nothing below them: where clients arrive. */
  get leaves() {
    return this.nodes.filter(({ name }) => !this.nodes.some(({ parent }) => parent === name));
  }

  above(node) {
    return this.nodes.find(({ name }) => name === node.parent);
  }

  /** An id of a session that no earlier demo has used. */
  fresh(name) {
    return `${name}-${Math.random().toString(36).slice(2, 8)}`;
  }

  /** Calls a function as a client does that follows redirects. The answer has `status`, `headers`, `body` (JSON or text) and `node`. */
  async call(node, path, { session, requestId, ...options } = {}) {
    const headers = { ...options.headers, ...(session && { 'x-session': session }), ...(requestId && { 'x-session-request-id': requestId }) };
    // Bytes go as a Blob: Node 20's fetch has lost a Buffer by the time it follows a redirect.
    const body = options.body instanceof Uint8Array ? new Blob([options.body]) : options.body;
    const response = await fetch(`${node.url}/function/${path}`, { ...options, headers, body });
    return { status: response.status, headers: response.headers, node: response.headers.get('x-session-location'), ...await contentOf(response) };
  }

  /** Moves a session one node up. */
  async offload(node, session) {
    return this.admin(node, `/function/force-offload?session=${encodeURIComponent(session)}`);
  }

  /** Brings a session back to the node. */
  async onload(node, session) {
    return this.admin(node, `/function/force-onload?session=${encodeURIComponent(session)}`);
  }

  async admin(node, path) {
    const response = await fetch(`${node.url}${path}`, { method: 'POST', headers: { authorization: this.authorization } });
    const { body } = await contentOf(response);
    if (!response.ok) throw new Error(`${node.name} refused: ${body.message ?? body}`);
    return body;
  }
}

async function contentOf(response) {
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.includes('json');
  return { bytes, body: isJson ? JSON.parse(bytes.toString()) : bytes.toString() };
}

export function say(text) {
  console.log(text);
}

/** Says what was seen; ends the demo when it is not what was expected. */
export function expect(what, seen, expected) {
  const [left, right] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: ${left}, and not ${right}`);
  say(`${what}: ${left}`);
}

/** Asks again until the answer is as expected: effects arrive a moment later. */
export async function until(what, ask, expected, tries = 1_200) {
  for (let left = tries; left > 0; left -= 1) {
    if (JSON.stringify(await ask()) === JSON.stringify(expected)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  expect(what, await ask(), expected);
}

/** Runs a demo: `await demo(async (domain) => …)`. */
export async function demo(show) {
  try {
    await show(await findDomain());
  } catch (error) {
    // What a call failed with is told by its cause.
    console.error(`error: ${[error.message, error.cause?.message].filter(Boolean).join(': ')}`);
    process.exitCode = 1;
  }
}
