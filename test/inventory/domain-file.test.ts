import { expect } from 'chai';
import { parseDomainFile } from '../../runtime/base/domain-file.js';
import { domainFileOf } from '../../oracle/inventory/domain-file.js';
import type { WorkingSet } from '../../oracle/inventory/state/working-set.js';

interface Placed { name: string; parent?: string }

/** An inventory of these nodes and collections; `looked` counts how often it is asked where a node stands. */
function inventoryOf(nodes: Placed[], collections: Record<string, string[]> = {}): { set: WorkingSet; looked(): number } {
  let looks = 0;
  const watched = nodes.map(({ name, parent }) => ({ name, get parent() { looks += 1; return parent; } }));
  const set = { tables: {
    ComputeNode: new Map(watched.map((node, index) => [index, { value: { name: node.name, domain_node: node } }])),
    NodeCollection: new Map(Object.entries(collections).map(([name, members]) => [name, { value: { name, nodes: members } }])),
  } };
  return { set: set as unknown as WorkingSet, looked: () => looks };
}

describe('the domain file that the inventory makes', () => {
  it('has the tree and the areas, each said by the nodes at its top', () => {
    const { set } = inventoryOf(
      [{ name: 'cloud' }, { name: 'milan', parent: 'cloud' }, { name: 'm-1', parent: 'milan' }, { name: 'turin', parent: 'cloud' }],
      { north: ['m-1', 'milan'], half: ['milan'], leaves: ['turin', 'm-1'], strange: ['rome'], none: [] },
    );
    const { domain } = parseDomainFile(domainFileOf(set, 'd'));
    expect(domain!.nodes.map(({ name, parent }) => [name, parent])).to.deep.equal([['cloud', undefined], ['milan', 'cloud'], ['m-1', 'milan'], ['turin', 'cloud']]);
    expect(domain!.areas).to.deep.equal([{ name: 'north', nodes: ['milan', 'm-1'] }, { name: 'leaves', nodes: ['m-1', 'turin'] }]);
  });

  it('looks at each node a few times, however many there are', () => {
    const count = 300;
    const nodes = Array.from({ length: count }, (_, index): Placed => ({ name: `n${index}`, ...(index > 0 && { parent: `n${index % 10 === 1 ? 0 : index - (index % 10 || 10) + 1}` }) }));
    const { set, looked } = inventoryOf(nodes, Object.fromEntries(nodes.map(({ name }) => [`c-${name}`, [name]])));
    expect(parseDomainFile(domainFileOf(set, 'd')).domain!.nodes).to.have.length(count);
    expect(looked()).to.be.below(20 * count);
  });

  it('refuses what is no tree: a circle, two nodes of one name, more levels than there can be', () => {
    const refusal = (nodes: Placed[]) => {
      try {
        domainFileOf(inventoryOf(nodes).set, 'd');
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refusal([{ name: 'a' }, { name: 'b', parent: 'c' }, { name: 'c', parent: 'b' }])).to.include('b stands below c');
    expect(refusal([{ name: 'a' }, { name: 'b', parent: 'a' }, { name: 'b', parent: 'a' }])).to.include('there is a node b already');
    const chain = Array.from({ length: 50_000 }, (_, index): Placed => ({ name: `n${index}`, ...(index > 0 && { parent: `n${index - 1}` }) }));
    expect(refusal(chain)).to.include('deeper than 16 levels');
    // Each pair of twins would have all below it twice.
    const twins = Array.from({ length: 28 }, (_, index): Placed => ({ name: `n${(index + 1) >> 1}`, ...(index > 0 && { parent: `n${((index + 1) >> 1) - 1}` }) }));
    expect(refusal(twins)).to.include('there is a node n1 already');
  });
});
