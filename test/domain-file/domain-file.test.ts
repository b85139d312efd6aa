import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { describeError, nodeConfigs, parseDomainFile, type PortOptions } from '../../runtime/base/domain-file.js';

const errorsOf = (text: string, ports?: PortOptions) => parseDomainFile(text, ports).errors.map((error) => describeError('f', error));
const domainOf = (text: string, ports?: PortOptions) => {
  const { domain, errors } = parseDomainFile(text, ports);
  expect(errors).to.deep.equal([]);
  return domain!;
};

describe('the domain file', () => {
  it('that comes with the project has six nodes on the documented ports', async () => {
    const { nodes, oraclePort } = domainOf(await readFile('domain.yml', 'utf8'));
    expect(nodes.map(({ name, level, parent, port }) => [name, level, parent, port])).to.deep.equal([
      ['cloud', 'cloud', undefined, 8080], ['milan', 'city', 'cloud', 8081], ['milan-001', 'edge', 'milan', 8082],
      ['milan-002', 'edge', 'milan', 8083], ['turin', 'city', 'cloud', 8084], ['turin-001', 'edge', 'turin', 8085],
    ]);
    expect(oraclePort).to.equal(7000);
  });

  it('reports everything that is wrong at once, with line and column', () => {
    expect(errorsOf('levels: [a, b]\ncolour: red\nroot:\n  name: Cloud\n  port: 70000\n  children:\n    - name: x\n      store: mysql\n    - name: x\n'))
      .to.deep.equal([
        'f:2:1: unknown key colour: a domain file has domain, levels, store, basePort, oraclePort, cors, callbacks, offload, capacity, memoryLimitBytes, performanceSamples, drain, areas and root',
        'f:4:9: "Cloud" is no good name of a node: 1 to 63 lower-case letters, digits and dashes, with no dash at either end',
        'f:5:9: the port of Cloud is 70000; a port is 1 to 65535',
        'f:8:14: mysql is no store: use auto, redis, embedded, memory, redis://host:port or unix:///path',
        'f:9:13: there is a node x already, at 7:13',
      ]);
  });

  it('says what policies are told of a node: its own values, else the domain\'s', () => {
    const domain = domainOf('capacity: 8\nperformanceSamples: true\nroot:\n  name: a\n  memoryLimitBytes: 1000\n  children:\n    - name: b\n      capacity: 2\n      performanceSamples: false\n');
    const places = {
      host: '127.0.0.1', oracleUrl: 'http://o', stateDirOf: String, adminUser: 'admin', adminPasswordFile: 'p', peerKeyFile: 'k', awaitFunctions: [],
    };
    const told = nodeConfigs(domain, places).map(({ name, capacity, memoryLimitBytes, performanceSamples }) => [name, capacity, memoryLimitBytes, performanceSamples]);
    expect(told).to.deep.equal([['a', 8, 1000, true], ['b', 2, undefined, false]]);
    expect(nodeConfigs(domainOf('root: {name: a}'), places)[0]).to.not.have.any.keys('capacity', 'memoryLimitBytes', 'performanceSamples');
  });

  it('has areas: nodes and everything below them', () => {
    const tree = 'root:\n  name: cloud\n  children:\n    - name: milan\n      children: [{name: milan-1}]\n    - name: turin\n';
    expect(domainOf(`areas:\n  north: [milan]\n  far side: [turin, milan-1]\n${tree}`).areas).to.deep.equal([
      { name: 'north', nodes: ['milan', 'milan-1'] }, { name: 'far side', nodes: ['milan-1', 'turin'] },
    ]);
    expect(domainOf(tree)).to.not.have.any.keys('areas');
    expect(errorsOf(`areas:\n  a/b: [milan]\n  north: milan\n  none:\n  west: [rome, 7]\n${tree}`)).to.deep.equal([
      'f:2:3: "a/b" is no good name of an area: 1 to 253 characters, and no slash', 'f:3:10: areas is a map of lists of nodes: {north: [milan]}',
      'f:4:8: areas is a map of lists of nodes: {north: [milan]}', 'f:5:10: the area west names rome, and there is no such node', 'f:5:16: a node of the area west is a text and not 7; put it in quotes',
    ]);
    expect(errorsOf(`areas: [north]\n${tree}`)).to.deep.equal(['f:1:8: areas is a map of lists of nodes: {north: [milan]}']);
  });

  it('is refused where these are no sensible numbers', () => {
    expect(errorsOf('capacity: 1.5\nroot:\n  name: a\n  capacity: 0\n  memoryLimitBytes: -1\n  performanceSamples: "on"\n')).to.deep.equal([
      'f:1:11: capacity is a whole number', 'f:4:13: capacity is 0; a node works on 1 to 100000 requests at once',
      'f:5:21: memoryLimitBytes is -1; it is a number of bytes, or 0 for no limit', 'f:6:23: performanceSamples is true or false and not "on"',
    ]);
    expect(errorsOf('{"areaTypesIdentifiers": ["a"], "hierarchy": [{"areaName": "x", "capacity": 1e9}]}')).to.have.length(1);
  });

  it('says where its YAML is broken', () => {
    expect(errorsOf('root:\n  name: a\n  name: b\n')).to.deep.equal(['f:3:3: map keys must be unique']);
  });

  it('takes no longer for a key the more stand before it', () => {
    // With every key compared with all before it, these would be seventy million comparisons.
    const labels = Array.from({ length: 12_000 }, (_, index) => `    l${index}: x\n`).join('');
    expect(Object.keys(domainOf(`root:\n  name: a\n  labels:\n${labels}`).nodes[0]!.labels)).to.have.length(12_000);
    expect(errorsOf(`root:\n  name: a\n  labels:\n${labels}    l0: y\n`)).to.deep.equal(['f:12004:5: map keys must be unique']);
  });

  it('looks only at an area\'s own nodes, however many there are', () => {
    const count = 500;
    const leaves = Array.from({ length: count }, (_, index) => `    - {name: n${index}}\n`).join('');
    const areas = Array.from({ length: count }, (_, index) => `  a${index}: [n${index}, n${index}]\n`).join('');
    const domain = domainOf(`areas:\n${areas}  all: [n3, top]\n  some: [n7, n5, n7]\nroot:\n  name: top\n  children:\n${leaves}`);
    expect(domain.areas!.slice(0, count)).to.deep.equal(Array.from({ length: count }, (_, index) => ({ name: `a${index}`, nodes: [`n${index}`] })));
    expect(domain.areas!.at(-2)!.nodes).to.have.length(count + 1);
    expect(domain.areas!.at(-1)!.nodes).to.deep.equal(['n5', 'n7']);
  });

  it('is refused when it is empty or has no root', () => {
    expect(errorsOf('')).to.have.length(1);
    expect(errorsOf('domain: d\n')).to.deep.equal(['f:1:1: the key root is missing: the node at the top of the tree']);
  });

  it('is refused when the tree is deeper than its levels', () => {
    expect(errorsOf('levels: [a]\nroot:\n  name: x\n  children:\n    - name: y\n')).to.deep.equal(['f:5:7: y is 2 deep, but levels names only 1: a']);
  });

  it('is refused when a node stands below itself', () => {
    expect(errorsOf('root: &top\n  name: x\n  children:\n    - *top\n'))
      .to.deep.equal(['f:4:7: *top is an alias: write the node out, a tree has every node once']);
  });

  it('is refused when the tree is deeper than any may be', () => {
    let text = '';
    for (let depth = 0; depth < 17; depth += 1) text += `${'  '.repeat(depth * 2)}${depth ? '- ' : ''}name: n${depth}\n${'  '.repeat(depth * 2)}${depth ? '  ' : ''}children:\n`;
    const levels = `levels: [${Array.from({ length: 20 }, (_, index) => `l${index}`)}]`;
    const indented = text.split('\n').map((line) => `  ${line}`).join('\n');
    expect(errorsOf(`${levels}\nroot:\n${indented}\n`)).to.have.length(1).and.match(/deeper than 16 levels/);
  });

  it('takes a number for a name only in quotes', () => {
    expect(errorsOf('root:\n  name: 12\n')).to.deep.equal(['f:2:9: name is a text and not 12; put it in quotes']);
    expect(domainOf('root:\n  name: "12"\n').nodes[0]!.name).to.equal('12');
  });

  it('is refused when two want the same port', () => {
    expect(errorsOf('root:\n  name: x\n  children:\n    - name: y\n      port: 8080\n')).to.deep.equal(['f:5:13: y would have port 8080, which x has already']);
    expect(errorsOf('oraclePort: 8080\nroot:\n  name: x\n')).to.deep.equal(['f:3:9: x would have port 8080, which the oracle has already']);
  });

  it('moves all ports with the base port', () => {
    const { nodes } = domainOf('root:\n  name: x\n  children:\n    - {name: y, port: 8180}\n    - {name: z}\n', { basePort: 9000 });
    expect(nodes.map(({ port }) => port)).to.deep.equal([9000, 9100, 9002]);
  });

  it('gives every node the policy of the offload trigger, unless it has its own; one that cannot be followed is refused', () => {
    const { nodes } = domainOf('offload: {capacityMb: 64, everySeconds: 30}\nroot:\n  name: x\n  children:\n    - {name: y, offload: {capacityMb: 8, highPercent: 90}}\n');
    expect(nodes.map(({ offload }) => offload)).to.deep.equal([{ capacityMb: 64, everySeconds: 30 }, { capacityMb: 8, highPercent: 90 }]);
    expect(domainOf('root:\n  name: x\n').nodes[0]!.offload).to.equal(undefined);
    expect(errorsOf('offload: {capacityMb: 64, lowPercent: 90}\nroot:\n  name: x\n')).to.deep.equal(['f:1:10: lowPercent of offload: a percentage of the capacity, below the high one']);
    expect(errorsOf('offload: {highPercent: 90}\nroot:\n  name: x\n')[0]).to.include('capacityMb of offload');
  });

  it('lets a node have a store and labels of its own', () => {
    const { nodes } = domainOf('store: memory\nroot:\n  name: x\n  children:\n    - {name: y, store: "redis://10.0.0.1:6379", labels: {zone: 4}}\n');
    expect(nodes.map(({ store, labels }) => [store, labels])).to.deep.equal([['memory', {}], ['redis://10.0.0.1:6379', { zone: '4' }]]);
  });

  it('never takes a password in a store\'s address', () => {
    for (const address of ['redis://:secret@h:1', 'redis://:sec/secret@h:1', 'redis://h:1?db=2']) {
      const errors = errorsOf(`store: ${address}\nroot: {name: x}\n`);
      expect(errors).to.have.length(1);
      expect(errors.join()).to.not.include('secret');
    }
  });

  it('becomes the configuration of every node', () => {
    const configs = nodeConfigs(domainOf('domain: d\nroot:\n  name: x\n  children:\n    - name: y\n'), {
      host: '127.0.0.1', oracleUrl: 'http://o', stateDirOf: (name) => `/s/${name}`, adminUser: 'admin',
      adminPasswordFile: '/p', peerKeyFile: '/k', awaitFunctions: ['f'],
    });
    expect(configs[0]).to.not.have.property('parentUrl');
    expect(configs[1]).to.deep.include({
      name: 'y', level: 'city', port: 8081, url: 'http://127.0.0.1:8081', parentUrl: 'http://127.0.0.1:8080', stateDir: '/s/y',
      domainId: 'd', store: 'auto', awaitFunctions: ['f'], oracleUrl: 'http://o', peerKeyFile: '/k',
    });
  });
});
