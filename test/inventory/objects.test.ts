import { expect } from 'chai';
import { nodeAt, startInventory, type TestInventory } from './support.js';

const BMC = { xname: 'x1000c0s0b0', mac_address: '02:AA:00:00:00:01', username: 'root', password: 'initial0' };

describe('the inventory', () => {
  let inventory: TestInventory;

  beforeEach(async () => {
    inventory = await startInventory();
  });

  afterEach(() => inventory.close());

  const create = async (object: string, body: unknown) => {
    const answer = await inventory.call('POST', `/inventory/${object}`, body);
    expect(answer.status, answer.text).to.equal(201);
    return answer.body;
  };

  describe('creates', () => {
    it('one node, says where it is, and gets it by id, by xname and at the root of the port', async () => {
      const answer = await inventory.call('POST', '/inventory/ComputeNode', nodeAt(5));
      expect(answer.status).to.equal(201);
      const { id } = answer.body;
      expect(answer.headers.get('location')).to.equal(`/inventory/ComputeNode/${id}`);
      expect(answer.body).to.include({ ...nodeAt(5), creator_subject: 'admin' });
      for (const path of [`/inventory/ComputeNode/${id}`, '/inventory/ComputeNode/x1000c0s1b0n1', `/ComputeNode/${id}`, `/nodes/${id}`, '/inventory/nodes/X1000C00S01B0N1']) {
        const got = await inventory.call('GET', path, undefined, {});
        expect(got.body, path).to.deep.equal(answer.body);
        expect(got.headers.get('etag')).to.equal(answer.headers.get('etag'));
      }
    });

    it('an array, in its order', async () => {
      const created = await create('ComputeNode', [nodeAt(0), nodeAt(1), nodeAt(2)]);
      expect(created.map(({ hostname }: { hostname: string }) => hostname)).to.deep.equal(['nid000000', 'nid000001', 'nid000002']);
    });

    it('nothing of an array in which one object is wrong, and names every field that offends', async () => {
      const bad = [nodeAt(0), { hostname: '', xname: 'x1', boot_mac: 'zz', colour: 'red', network_interfaces: [{ interface_name: 'eth0', mac_address: 'no', ipv4_address: '300.1.1.1' }] }];
      const { status, body, headers } = await inventory.call('POST', '/inventory/ComputeNode', bad);
      expect(status).to.equal(400);
      expect(headers.get('content-type')).to.equal('application/problem+json');
      expect(body.code).to.equal('OBJECT_INVALID');
      expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).to.have.members([
        '/1/architecture', '/1/colour', '/1/hostname', '/1/xname', '/1/boot_mac', '/1/network_interfaces/0/mac_address', '/1/network_interfaces/0/ipv4_address',
      ]);
      expect((await inventory.call('GET', '/inventory/ComputeNode')).body).to.deep.equal([]);
      expect((await inventory.call('GET', '/inventory/BMC')).body).to.deep.equal([]);
    });

    it('nothing of an object that is wrong in several ways at once, and names all of them', async () => {
      const pointers = async (object: string, body: unknown) => (await inventory.call('POST', `/inventory/${object}`, body)).body.errors.map(({ pointer }: { pointer: string }) => pointer);
      expect(await pointers('ComputeNode', { xname: 'x1000c256s0b0n0', location_string: 'x1000c1s0b0n0', description: 'a\u0000b', bmc: { xname: 'x1000c0s256b0' }, colour: 1 })).to.have.members([
        '/hostname', '/architecture', '/colour', '/description', '/location_string', '/xname', '/bmc/xname',
      ]);
      expect(await pointers('Component', { ID: 'x1000c0s0b0n0', Type: 'Cabinet', Enabled: 'yes' })).to.have.members(['/Type', '/Enabled']);
      for (const whole of [null, 7, '"text"', [[]], true]) expect(await pointers('ComputeNode', whole)).to.deep.equal(Array.isArray(whole) ? ['/0'] : ['']);
      const cards = [{ interface_name: 'a', mac_address: '02:00:00:00:03:00' }, { interface_name: 'b', mac_address: '02-00-00-00-03-00' }];
      expect(await pointers('ComputeNode', { ...nodeAt(0), bmc: { username: 'root' }, network_interfaces: cards })).to.deep.equal(['/bmc/mac_address', '/bmc/password', '/network_interfaces/1/mac_address']);
      expect(Object.values((await inventory.call('GET', '/inventory')).body.objects)).to.deep.equal([0, 0, 0, 0, 0]);
    });

    it('nothing that clashes in several places, and names the other object of each', async () => {
      const first = await create('ComputeNode', { ...nodeAt(1), network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:03:00' }], bmc: BMC });
      const [second, other] = await create('BMC', [{ ...BMC, xname: 'x1000c0s7b0', mac_address: '02:aa:00:00:00:07' }, { ...BMC, xname: 'x1000c0s8b0', mac_address: '02:aa:00:00:00:08' }]);
      const { status, body } = await inventory.call('POST', '/inventory/ComputeNode', {
        ...nodeAt(1), id: first.id, bmc: { xname: second.xname, mac_address: other.mac_address }, network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:03:00' }],
      });
      expect([status, body.conflicts.map(({ pointer, id }: Record<string, string>) => [pointer, id])]).to.deep.equal([409, [['/id', first.id]]]);
      const { body: { conflicts } } = await inventory.call('POST', '/inventory/ComputeNode', {
        ...nodeAt(1), bmc: { xname: second.xname, mac_address: other.mac_address }, network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:03:00' }],
      });
      expect(conflicts.map(({ pointer, id }: Record<string, string>) => [pointer, id])).to.deep.equal([
        ['/bmc/mac_address', other.id], ['/xname', first.id], ['/boot_mac', first.id], ['/network_interfaces/0/mac_address', first.network_interfaces[0].id],
      ]);
    });

    it('nothing of a body that is compressed, not in UTF-8, or has a line that is no JSON, and says which', async () => {
      const send = async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) => {
        const answer = await fetch(`${inventory.url}/inventory/Component`, { method: 'POST', headers: { ...AUTH, 'content-type': 'application/json', ...headers }, body });
        return [answer.status, (await answer.json() as { detail: string }).detail] as const;
      };
      const [latin, packed, lines] = [
        await send(Uint8Array.from('{"ID":"caf\xe9"}', (letter) => letter.charCodeAt(0)), {}), await send('{}', { 'content-encoding': 'gzip' }), await send('{"ID":"x1"}\n\n{"ID":\n', { 'content-type': 'application/x-ndjson' }),
      ];
      expect([latin[0], packed[0], lines[0]]).to.deep.equal([400, 415, 400]);
      expect(`${latin[1]} ${packed[1]} ${lines[1]}`).to.include('UTF-8').and.include('gzip').and.include('line 3');
      expect((await inventory.call('GET', '/inventory')).body.seq).to.equal(0);
    });

    it('what is right of an array when it is asked to, and says what is wrong with the rest', async () => {
      const { status, body } = await inventory.call('POST', '/inventory/ComputeNode?partial=true', [nodeAt(0), { hostname: 'a' }, nodeAt(0)]);
      expect(status).to.equal(207);
      expect(body.created).to.have.length(1);
      expect(body.refused.map(({ index, problem }: { index: number; problem: { status: number } }) => [index, problem.status])).to.deep.equal([[1, 400], [2, 409]]);
    });

    it('no second object of the same name or address, and names the first', async () => {
      const [first] = await create('ComputeNode', [nodeAt(1)]);
      const { status, body } = await inventory.call('POST', '/inventory/ComputeNode', { ...nodeAt(2), xname: 'x1000c0s00b0n01', boot_mac: '02-00-00-00-00-01' });
      expect(status).to.equal(409);
      expect(body.conflicts.map(({ pointer, object, id }: Record<string, string>) => [pointer, object, id])).to.deep.equal([
        ['/xname', 'ComputeNode', first.id], ['/boot_mac', 'ComputeNode', first.id],
      ]);
    });
  });

  describe('keeps one BMC for a place', () => {
    it('by inferring it from the xname of its nodes', async () => {
      const nodes = await create('ComputeNode', [nodeAt(0), nodeAt(1), nodeAt(4)]);
      expect(nodes.map(({ bmc }: any) => bmc.xname)).to.deep.equal(['x1000c0s0b0', 'x1000c0s0b0', 'x1000c0s1b0']);
      expect(nodes[0].bmc.id).to.equal(nodes[1].bmc.id);
      expect((await inventory.call('GET', '/inventory/BMC')).body).to.have.length(2);
    });

    it('when it was there before its nodes, found by xname or else by MAC address', async () => {
      const bmc = await create('BMC', BMC);
      const byXname = await create('ComputeNode', nodeAt(0));
      const byMac = await create('ComputeNode', { hostname: 'b', architecture: 'x86_64', bmc: { mac_address: '02-aa-00-00-00-01' } });
      expect([byXname.bmc.id, byMac.bmc.id]).to.deep.equal([bmc.id, bmc.id]);
      expect((await inventory.call('GET', '/inventory/BMC')).body).to.have.length(1);
    });

    it('when the inferred one gets its credentials later', async () => {
      const node = await create('ComputeNode', nodeAt(0));
      expect(node.bmc.inferred).to.equal(true);
      const bmc = await create('BMC', BMC);
      expect(bmc.id).to.equal(node.bmc.id);
      expect((await inventory.call('GET', '/inventory/ComputeNode/x1000c0s0b0n0')).body.bmc).to.include({ username: 'root' }).and.not.have.property('inferred');
    });

    it('and refuses a second one', async () => {
      const bmc = await create('BMC', BMC);
      const { status, body } = await inventory.call('POST', '/inventory/BMC', { ...BMC, mac_address: '02:aa:00:00:00:02' });
      expect(status).to.equal(409);
      expect(body.conflicts[0]).to.include({ object: 'BMC', id: bmc.id, field: 'xname' });
    });

    it('and forgets an inferred one with its last node', async () => {
      await create('ComputeNode', [nodeAt(0), nodeAt(1)]);
      await inventory.call('DELETE', '/inventory/ComputeNode/x1000c0s0b0n0');
      expect((await inventory.call('GET', '/inventory/BMC')).body).to.have.length(1);
      await inventory.call('DELETE', '/inventory/ComputeNode/x1000c0s0b0n1');
      expect((await inventory.call('GET', '/inventory/BMC')).body).to.have.length(0);
    });
  });

  describe('never shows a password', () => {
    it('of a BMC, by itself or beside its node, and keeps it when a replacement has none', async () => {
      const bmc = await create('BMC', BMC);
      const { password: _, ...rest } = BMC;
      const replaced = await inventory.call('PUT', `/inventory/BMC/${bmc.id}`, { ...rest, username: 'operator' });
      expect(replaced.status).to.equal(200);
      const texts = [JSON.stringify(bmc), replaced.text, (await inventory.call('GET', '/inventory/BMC')).text, (await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0))).text];
      for (const text of texts) expect(text).to.not.include('initial0').and.not.include('password').and.not.include('v1:');
      expect(inventory.running.inventory.get('BMC', bmc.id).secret).to.match(/^v1:/);
    });

    it('in the answer to broken JSON', async () => {
      const answer = await inventory.call('POST', '/inventory/BMC', '{"password":"initial0",}');
      expect(answer.status).to.equal(400);
      expect(answer.text).to.not.include('initial0');
    });

    it('and wants one from a BMC that has none', async () => {
      const { password: _, ...rest } = BMC;
      const created = await inventory.call('POST', '/inventory/BMC', rest);
      expect(created.body.errors).to.deep.equal([{ pointer: '/password', detail: 'it is required' }]);
      const node = await create('ComputeNode', nodeAt(0));
      expect((await inventory.call('PUT', `/inventory/BMC/${node.bmc.id}`, rest)).body.errors[0].pointer).to.equal('/password');
    });
  });

  describe('takes no text', () => {
    it('that cannot be kept, and says where it is; a snapshot is made of what it took', async () => {
      const made = (more: string) => inventory.call('POST', '/inventory/ComputeNode', `{"hostname":"odd","architecture":"x"${more}}`);
      const wrong: [string, string][] = [
        [',"description":"\\ud800 tail"', '/description'], [',"description":"a\\u0000b"', '/description'], [',"status":{"extended_data":{"a":[1,"\\udc00"]}}', '/status/extended_data/a/1'],
        [`,"status":{"extended_data":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`, `/status/extended_data${'/a'.repeat(62)}`],
        [',"domain_node":{"name":"odd","labels":{"__proto__":"x"}}', '/domain_node/labels/__proto__'], [',"__proto__":{"hostname":"z"}', '/__proto__'],
      ];
      for (const [more, pointer] of wrong) {
        const { status, body } = await made(more);
        expect([status, body.errors?.[0]?.pointer], more.slice(0, 80)).to.deep.equal([400, pointer]);
      }
      const fine = await made(',"description":"😀 𝒳 \\ud83d\\ude00","status":{"extended_data":{"__proto__":{"a":1},"constructor":{"prototype":2},"":"é"}}');
      expect(fine.status).to.equal(201);
      expect(JSON.stringify(fine.body.status.extended_data)).to.equal('{"__proto__":{"a":1},"constructor":{"prototype":2},"":"é"}');
      const before = (await inventory.call('GET', `/ComputeNode/${fine.body.id}`)).body;
      expect((await inventory.call('POST', '/inventory/snapshots', {})).status).to.equal(201);
      await inventory.crash();
      expect((await inventory.call('GET', `/ComputeNode/${fine.body.id}`)).body).to.deep.equal(before);
      expect(({} as Record<string, unknown>)['a']).to.equal(undefined);
    });
  });

  describe('replaces and deletes', () => {
    it('a node as it was returned, without changing anything but the time', async () => {
      const node = await create('ComputeNode', { ...nodeAt(0), network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:01:00' }], bmc: BMC });
      const again = await inventory.call('PUT', `/inventory/ComputeNode/${node.id}`, node);
      expect(again.status, again.text).to.equal(200);
      expect({ ...again.body, modified_at: '' }).to.deep.equal({ ...node, modified_at: '' });
    });

    it('only the version that If-Match names', async () => {
      const { headers, body: { id } } = await inventory.call('POST', '/inventory/ComputeNode', nodeAt(0));
      const etag = headers.get('etag')!;
      const put = (match: string) => inventory.call('PUT', `/inventory/ComputeNode/${id}`, { ...nodeAt(0), description: match }, { ...AUTH, 'if-match': match });
      const first = await put(etag);
      expect(first.status).to.equal(200);
      const second = await put(etag);
      expect([second.status, second.body.code]).to.deep.equal([412, 'OBJECT_CHANGED']);
      expect((await inventory.call('DELETE', `/inventory/ComputeNode/${id}`, undefined, { ...AUTH, 'if-match': etag })).status).to.equal(412);
      expect((await inventory.call('DELETE', `/inventory/ComputeNode/${id}`, undefined, { ...AUTH, 'if-match': first.headers.get('etag')! })).status).to.equal(204);
    });

    it('with another ETag when an interface or the BMC of a node changes', async () => {
      const node = await create('ComputeNode', { ...nodeAt(0), network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:01:00' }], bmc: BMC });
      const path = `/inventory/ComputeNode/${node.id}`;
      const etags = [(await inventory.call('GET', path)).headers.get('etag')];
      await inventory.call('PUT', `/inventory/BMC/${node.bmc.id}`, { ...BMC, description: 'new' });
      etags.push((await inventory.call('GET', path)).headers.get('etag'));
      await inventory.call('DELETE', `/inventory/NetworkInterface/${node.network_interfaces[0].id}`);
      etags.push((await inventory.call('GET', path)).headers.get('etag'));
      expect(new Set(etags).size).to.equal(3);
      expect((await inventory.call('GET', path, undefined, { 'if-none-match': etags[2]! })).status).to.equal(304);
    });

    it('with the ETag of what it wrote, when another writes before that is on the disk', async () => {
      const { id } = await create('ComputeNode', nodeAt(0));
      const route = inventory.running.routes.find(({ operation }) => operation === 'replaceComputeNode')!;
      const put = (more: object) => route.run({ params: { id }, query: new URLSearchParams(), body: { ...nodeAt(0), ...more }, headers: {}, caller: { subject: 'admin', isAdmin: true }, base: '' });
      const [first, second] = await Promise.all([put({ description: 'first' }), put({ network_interfaces: [{ interface_name: 'eth0', mac_address: '02:00:00:00:01:00' }] })]);
      expect(first.json).to.include({ description: 'first' }).and.not.have.property('network_interfaces');
      expect(first.headers!['etag']).to.not.equal(second.headers!['etag']);
      const late = await inventory.call('PUT', `/inventory/ComputeNode/${id}`, nodeAt(0), { ...AUTH, 'if-match': first.headers!['etag']! });
      expect(late.status).to.equal(412);
    });

    it('nothing that is not there', async () => {
      for (const method of ['GET', 'DELETE']) expect((await inventory.call(method, '/inventory/ComputeNode/nowhere')).status).to.equal(404);
      expect((await inventory.call('PUT', '/inventory/ComputeNode/nowhere', nodeAt(0))).status).to.equal(404);
      expect((await inventory.call('PATCH', '/inventory/ComputeNode/nowhere', {})).status).to.equal(405);
      expect((await inventory.call('GET', '/inventory/nothing')).status).to.equal(404);
    });
  });

  describe('lists', () => {
    it('what fits every filter', async () => {
      await create('BMC', { ...BMC, xname: 'x1000c0s1b0' });
      await create('ComputeNode', Array.from({ length: 8 }, (_, index) => nodeAt(index)));
      const namesFor = async (query: string) => (await inventory.call('GET', `/ComputeNode?${query}`)).body.map(({ hostname }: any) => Number(hostname.slice(3)));
      expect(await namesFor('xname=x1000c0s1b0n1')).to.deep.equal([5]);
      expect(await namesFor('hostname=nid000003')).to.deep.equal([3]);
      expect(await namesFor('arch=aarch64')).to.deep.equal([0, 3, 6]);
      expect(await namesFor('boot_mac=02:00:00:00:00:07')).to.deep.equal([7]);
      expect(await namesFor('bmc_mac=02-AA-00-00-00-01')).to.deep.equal([4, 5, 6, 7]);
      expect(await namesFor('missingIPV4=true')).to.deep.equal([1, 3, 5, 7]);
      expect(await namesFor('missingIPV4=true&arch=aarch64')).to.deep.equal([3]);
      expect(await namesFor('missingIPV6=true')).to.have.length(8);
      expect((await inventory.call('GET', '/ComputeNode?hostnam=a')).body).to.include({ code: 'PARAMETER_INVALID' });
    });

    it('page by page in any order, every object once', async () => {
      await create('ComputeNode', Array.from({ length: 25 }, (_, index) => nodeAt(index)));
      for (const sort of ['', 'hostname', '-hostname', 'architecture', '-boot_ipv4_address']) {
        const seen: string[] = [];
        let path: string | undefined = `/inventory/ComputeNode?limit=10${sort && `&sort=${sort}`}`;
        while (path) {
          const { body, headers }: { body: { hostname: string }[]; headers: Headers } = await inventory.call('GET', path);
          seen.push(...body.map(({ hostname }) => hostname));
          path = /<([^>]+)>/.exec(headers.get('link') ?? '')?.[1];
        }
        expect(new Set(seen).size, sort).to.equal(25);
        expect(seen, sort).to.have.length(25);
        if (sort === '-hostname') expect(seen).to.deep.equal([...seen].sort().reverse());
      }
    });
  });

  describe('collections', () => {
    it('let a node be in one tenant and one partition, and in any number of others', async () => {
      const collection = (name: string, type: string) => ({ name, type, nodes: ['x1000c0s0b0n0'] });
      const tenant = await create('NodeCollection', collection('blue', 'tenant'));
      await create('NodeCollection', [collection('p1', 'partition'), collection('j1', 'job'), collection('j2', 'job'), collection('a1', 'ad-hoc'), collection('a2', 'ad-hoc')]);
      const second = await inventory.call('POST', '/NodeCollection', { ...collection('red', 'tenant'), nodes: ['x1000c0s0b0n1', 'x1000c0s00b0n0'] });
      expect(second.status).to.equal(409);
      expect(second.body.conflicts).to.deep.equal([{ object: 'NodeCollection', id: tenant.id, field: 'nodes', value: 'x1000c0s00b0n0', pointer: '/nodes/1' }]);
      const { body } = await inventory.call('GET', '/memberships/x1000c0s0b0n0');
      expect(body).to.include({ tenant: 'blue', partition: 'p1' });
      expect(body.collections).to.have.length(6);
    });

    it('know a node by each of its names', async () => {
      await create('ComputeNode', { ...nodeAt(0), domain_node: { name: 'milan' } });
      await create('NodeCollection', { name: 'red', type: 'tenant', nodes: ['milan'] });
      const second = await inventory.call('POST', '/inventory/NodeCollection', { name: 'blue', type: 'tenant', nodes: ['x1c0s0b0n0', nodeAt(0)['xname']] });
      expect([second.status, second.body.conflicts.map(({ pointer }: any) => pointer)]).to.deep.equal([409, ['/nodes/1']]);
    });

    it('are found by id, name and alias, and free their nodes when they are changed', async () => {
      const blue = await create('NodeCollection', { name: 'blue', alias: 'b', type: 'tenant', nodes: ['x1000c0s0b0n0'] });
      for (const key of [blue.id, 'blue', 'b']) expect((await inventory.call('GET', `/NodeCollection/${key}`)).body.id).to.equal(blue.id);
      expect((await inventory.call('PUT', '/NodeCollection/blue', { name: 'blue', type: 'tenant', nodes: [] })).status).to.equal(200);
      await create('NodeCollection', { name: 'red', type: 'tenant', nodes: ['x1000c0s0b0n0'] });
      expect((await inventory.call('PUT', '/NodeCollection/blue', { name: 'blue', type: 'tenant', nodes: ['x1000c0s0b0n0'] })).status).to.equal(409);
      expect((await inventory.call('GET', '/memberships/nowhere')).status).to.equal(404);
    });
  });
});

const AUTH = { authorization: `Basic ${Buffer.from('admin:a-password-of-the-tests').toString('base64')}` };
