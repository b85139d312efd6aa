import { expect } from 'chai';
import { directoryWithin, type NodeInfo, type Subtree } from '../../runtime/base/directory.js';

const node = (name: string): NodeInfo => ({ name, url: `http://${name}`, level: 'any', accepting: true });
const tree = (name: string, ...children: Subtree[]): Subtree => ({ node: node(name), children });
const domain = tree('cloud', tree('milan', tree('milan-001'), tree('milan-002')), tree('turin', tree('turin-001')));
const names = (nodes: NodeInfo[]) => nodes.map((each) => each.name);

describe('a static directory', () => {
  it('lists ancestors nearest first', () => {
    expect(names(directoryWithin(domain, 'milan-002').ancestors())).to.deep.equal(['milan', 'cloud']);
  });

  it('gives the root no parent', () => {
    expect(directoryWithin(domain, 'cloud').parent()).to.equal(undefined);
  });

  it('knows what is below and what is not', () => {
    const milan = directoryWithin(domain, 'milan');
    expect(names(milan.children())).to.deep.equal(['milan-001', 'milan-002']);
    expect(['milan', 'milan-001', 'cloud', 'turin-001'].map((name) => milan.isInSubtree(name))).to.deep.equal([true, true, false, false]);
  });

  it('resolves a node beside its path', async () => {
    expect((await directoryWithin(domain, 'milan-001').resolve('turin-001'))?.url).to.equal('http://turin-001');
    expect(await directoryWithin(domain, 'milan-001').resolve('rome')).to.equal(undefined);
  });
});
