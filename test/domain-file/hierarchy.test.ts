import { expect } from 'chai';
import { describeError, parseDomainFile } from '../../runtime/base/domain-file.js';

const errorsOf = (text: string) => parseDomainFile(text).errors.map((error) => describeError('f', error));
const AREAS = {
  areaTypesIdentifiers: ['continent', 'country', 'city'],
  hierarchy: [{
    areaName: 'europe', mainLocation: { openfaas_gateway: 'http://127.0.0.1:9000', redis_host: 'localhost', redis_port: 6400 },
    areas: [
      { areaName: 'italy', areas: [{ areaName: 'milan', labels: { zone: 'north' } }, { areaName: 'turin', store: 'memory' }] },
      { areaName: 'france' },
    ],
  }],
};

describe('the infrastructure file of areas', () => {
  it('is the same domain as a tree of nodes: areas are nodes, area types are levels', () => {
    const { domain, errors } = parseDomainFile(JSON.stringify(AREAS));
    expect(errors).to.deep.equal([]);
    expect(domain!.levels).to.deep.equal(['continent', 'country', 'city']);
    expect(domain!.nodes.map(({ name, level, parent, port, store }) => [name, level, parent, port, store])).to.deep.equal([
      ['europe', 'continent', undefined, 9000, 'redis://localhost:6400'], ['italy', 'country', 'europe', 8081, 'auto'],
      ['milan', 'city', 'italy', 8082, 'auto'], ['turin', 'city', 'italy', 8083, 'memory'], ['france', 'country', 'europe', 8084, 'auto'],
    ]);
    expect(domain!.nodes[2]!.labels).to.deep.equal({ zone: 'north' });
  });

  it('may be indented with tabs, as JSON is', () => {
    expect(errorsOf(JSON.stringify(AREAS, undefined, '\t'))).to.deep.equal([]);
  });

  it('remarks on what belongs to another machine, and on passwords, and starts without them', () => {
    const mainLocation = { openfaas_gateway: 'http://10.0.0.7:31112', openfaas_password: 'p', redis_host: '10.0.0.7', redis_password: 'q' };
    const { domain, remarks } = parseDomainFile(JSON.stringify({
      areaTypesIdentifiers: ['a', 'b'], hierarchy: [{ areaName: 'x', mainLocation, areas: [{ areaName: 'y', mainLocation }] }],
    }, undefined, 1)) as Required<ReturnType<typeof parseDomainFile>> & { remarks: { line: number; reason: string }[] };
    expect(domain.nodes.map(({ port, store }) => [port, store])).to.deep.equal([[8080, 'auto'], [8081, 'auto']]);
    const reasons = remarks.map(({ line, reason }) => `${line} ${reason}`);
    expect(reasons.filter((reason) => reason.includes('password is not read'))).to.have.length(2);
    expect(reasons.filter((reason) => reason.includes('10.0.0.7'))).to.have.length(4);
    expect(reasons.join('\n')).to.match(/^10 10\.0\.0\.7:31112 is another machine's/m);
  });

  it('reports everything that is wrong at once, with line and column', () => {
    expect(errorsOf(`{
  "areaTypesIdentifiers": ["continent"],
  "colour": "red",
  "hierarchy": [
    { "areaName": "Europe", "mainLocation": { "openfaas_gateway": "10.0.0.7" },
      "areas": [ { "areaNmae": "italy" } ] },
    { "areaName": "asia" }
  ]
}`)).to.deep.equal([
      'f:3:3: unknown key colour: an infrastructure file has areaTypesIdentifiers, hierarchy, domain, store, basePort, oraclePort, cors, callbacks, offload, capacity, memoryLimitBytes and performanceSamples',
      'f:5:19: "Europe" is no good name of a node: 1 to 63 lower-case letters, digits and dashes, with no dash at either end',
      'f:5:67: openfaas_gateway is 10.0.0.7; it is an address such as http://127.0.0.1:8080',
      'f:6:18: this area has no areaName',
      'f:6:18: this node is 2 deep, but areaTypesIdentifiers names only 1: continent',
      'f:6:20: unknown key areaNmae: an area has areaName, mainLocation, areas, store, labels, capacity, memoryLimitBytes and performanceSamples',
      'f:7:5: hierarchy has one area at the top, and the others in its areas: sessions climb to one root',
    ]);
  });

  it('is refused without its levels, without an area, and where its JSON is broken', () => {
    expect(errorsOf('{"hierarchy": []}')).to.deep.equal(['f:1:1: the key areaTypesIdentifiers is missing: it stands beside hierarchy']);
    expect(errorsOf('{"areaTypesIdentifiers": ["a"], "hierarchy": []}')).to.deep.equal(['f:1:46: hierarchy is empty: the area at the top is missing']);
    expect(errorsOf('{"areaTypesIdentifiers": ["a"], "hierarchy": {}}'))
      .to.deep.equal(['f:1:46: hierarchy is a list of one area, the one at the top: [{"areaName": …, "areas": […]}]']);
    expect(errorsOf('{"areaTypesIdentifiers": ["a"],\n "hierarchy": [{"areaName": "x"}\n}')).to.have.length.greaterThan(0).and.match(/^f:3:1: /);
  });
});
