import type { Directory } from '../base/directory.js';
import type { PeerClient } from '../base/http-client.js';
import { Fault } from '../model/faults.js';
import { STREAM_TYPE, type Transport } from './peers.js';

/** Carries peers' calls over HTTP to whatever address the directory has for a node's name. */
export function createTransport(client: PeerClient, directory: Directory): Transport {
  async function addressOf(node: string): Promise<string> {
    const url = directory.urlOf(node) ?? (await directory.resolve(node))?.url;
    if (url === undefined) throw new Fault('PEER_UNREACHABLE', { node, url: 'unknown', reason: 'no node on the way up knows it' });
    return url;
  }
  return {
    async json(node, path, body, timeoutMs) {
      return (await client.call(await addressOf(node), 'POST', path, body, undefined, { timeoutMs })).body;
    },
    async stream(node, path, body, timeoutMs) {
      const url = await addressOf(node);
      const { stream } = await client.call(url, 'POST', path, body, STREAM_TYPE, { timeoutMs });
      if (!stream) throw new Fault('PEER_UNREACHABLE', { node, url, reason: 'it answered no stream' });
      return stream;
    },
    async whole(node, path, body, timeoutMs) {
      const url = await addressOf(node);
      const { bytes } = await client.call(url, 'POST', path, body, STREAM_TYPE, { timeoutMs, whole: true });
      if (!bytes) throw new Fault('PEER_UNREACHABLE', { node, url, reason: 'it answered no stream' });
      return bytes;
    },
  };
}
