import { expect } from 'chai';
import { constraintsOf, type Placement } from '../../cli/placement.js';
import { appliesAt } from '../../runtime/base/constraints.js';

const node = (name: string, level: string, parent?: string) => ({ name, level, url: `http://${name}`, ...(parent !== undefined && { parent }) });
const NODES = [
  node('cloud', 'cloud'), node('milan', 'city', 'cloud'), node('milan-001', 'edge', 'milan'), node('milan-002', 'edge', 'milan'),
  node('turin', 'city', 'cloud'), node('depot', 'edge', 'turin'),
];

describe('the place of a deploy', () => {
  const chosen = (placement: Placement) => {
    const constraints = constraintsOf(placement, NODES);
    return NODES.filter((each) => appliesAt({ ...each, labels: {} }, constraints)).map(({ name }) => name);
  };
  const refusal = (placement: Placement) => {
    try {
      return constraintsOf(placement, NODES).join(' ');
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('is every node of the levels that are named, in the areas that are named, without the excepted', () => {
    expect(chosen({ inEvery: ['edge'] })).to.deep.equal(['milan-001', 'milan-002', 'depot']);
    expect(chosen({ inEvery: ['edge', 'cloud'] })).to.deep.equal(['cloud', 'milan-001', 'milan-002', 'depot']);
    expect(chosen({ in: ['milan'] })).to.deep.equal(['milan', 'milan-001', 'milan-002']);
    expect(chosen({ in: ['milan-001,turin'] })).to.deep.equal(['milan-001', 'turin', 'depot']);
    expect(chosen({ except: ['turin'] })).to.deep.equal(['cloud', 'milan', 'milan-001', 'milan-002']);
    expect(chosen({ inEvery: ['edge'], in: ['milan', 'turin'], except: ['milan-002'] })).to.deep.equal(['milan-001', 'depot']);
    expect(chosen({ in: ['cloud'] })).to.deep.equal(NODES.map(({ name }) => name));
  });

  it('names an area by its pattern only where that means just the area', () => {
    expect(constraintsOf({ inEvery: ['edge'], in: ['milan'] }, NODES)).to.deep.equal(['level=edge', 'node=milan*']);
    expect(constraintsOf({ in: ['turin'] }, NODES)).to.deep.equal(['node=turin,depot']);
    expect(constraintsOf({ except: ['milan-001'] }, NODES)).to.deep.equal(['node!=milan-001']);
    const more = [...NODES, node('milano', 'city', 'cloud')];
    expect(constraintsOf({ in: ['milan'] }, more)).to.deep.equal(['node=milan,milan-001,milan-002']);
  });

  it('is a collection of the inventory, whose members it follows', () => {
    const members = NODES.map((each) => ({ ...each, collections: each.name === 'depot' || each.name === 'milan-001' ? ['blue', 'b'] : each.name === 'turin' ? ['milan'] : [] }));
    expect(constraintsOf({ in: ['blue'] }, members)).to.deep.equal(['collection=blue']);
    expect(constraintsOf({ inEvery: ['edge'], in: ['blue'], except: ['turin'] }, members)).to.deep.equal(['level=edge', 'collection=blue', 'node!=turin,depot']);
    expect(constraintsOf({ in: ['cloud'], except: ['blue', 'milan-002'] }, members)).to.deep.equal(['node=*', 'node!=milan-002', 'collection!=blue']);
    const refused = (placement: Placement) => {
      try {
        return constraintsOf(placement, members).join();
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(constraintsOf({ in: ['milan'] }, members), 'a node is meant before a collection of its name').to.deep.equal(['node=milan*']);
    expect(refused({ in: ['blue', 'turin'] })).to.equal('--in names either nodes or collections; of blue, turin, collections are blue');
    expect(refused({ in: ['red'] })).to.match(/there is no area red; the areas: .*, blue, b$/);
    expect(refused({ inEvery: ['city'], in: ['blue'] })).to.match(/there is no node of level city/);
  });

  it('is refused with what there is when a name is unknown, or nothing is left', () => {
    expect(refusal({ inEvery: ['galaxy'] })).to.equal('there is no level galaxy; the levels: cloud, city, edge');
    expect(refusal({ except: ['spain'] })).to.equal('there is no area spain; the areas: cloud, milan, milan-001, milan-002, turin, depot');
    expect(refusal({ inEvery: ['cloud'], in: ['milan'] })).to.equal('in milan there is no node of level cloud; it has city, edge');
    expect(refusal({ in: ['milan-001'], except: ['milan'] })).to.equal('no node is left: what is asked for is excepted');
  });
});
