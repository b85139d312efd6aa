import { expect } from 'chai';
import { Registry, registrationOf, type RegistryEvent } from '../../oracle/registry.js';
import { domainNamespace, nodeId } from '../../runtime/base/ids.js';

const DEADLINE_MS = 1_000;

function world() {
  let nowMs = 0;
  const events: string[] = [];
  const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined };
  const registry = new Registry({ domainId: 'd', clock, onEvent: ({ kind, node }: RegistryEvent) => events.push(`${node} ${kind}`) });
  const register = (name: string, parent: string | null, more: object = {}) =>
    registry.register({ name, url: `http://${name}`, level: 'any', parent, boot: 'first', deadlineMs: DEADLINE_MS, ...more });
  return { registry, register, events, pass: (ms: number) => { nowMs += ms; } };
}

describe('the registry', () => {
  it('gives a node the id that follows from its name', () => {
    expect(world().register('cloud', null).id).to.equal(nodeId('cloud', domainNamespace('d')));
  });

  it('lists parents before their children', () => {
    const { register, registry } = world();
    register('z', null);
    register('b', 'z');
    register('a', 'z');
    register('c', 'a');
    expect(registry.list().map(({ name }) => name)).to.deep.equal(['z', 'a', 'c', 'b']);
  });

  it('calls a node failed once it has missed its deadline, and alive again when it returns', () => {
    const { register, registry, events, pass } = world();
    register('cloud', null);
    pass(DEADLINE_MS);
    expect(registry.find('cloud')!.state).to.equal('alive');
    pass(1);
    expect(registry.find('cloud')!.state).to.equal('failed');
    register('cloud', null);
    expect(registry.find('cloud')).to.include({ state: 'alive', restarts: 0 });
    expect(events).to.deep.equal(['cloud joined', 'cloud failed', 'cloud returned']);
  });

  it('calls no node failed because the oracle itself stood still, or its clock was set', () => {
    const { register, registry, pass } = world();
    const state = () => registry.find('cloud')!.state;
    register('cloud', null, { deadlineMs: 10_000 });
    pass(3_600_000);
    expect(state()).to.equal('alive');
    pass(-7_200_000);
    expect(state()).to.equal('alive');
    pass(5_000);
    expect(state()).to.equal('alive');
    pass(1);
    expect(state()).to.equal('failed');
  });

  it('counts another life of a node as a restart', () => {
    const { register, events } = world();
    register('cloud', null);
    expect(register('cloud', null, { boot: 'second' }).restarts).to.equal(1);
    expect(events).to.deep.equal(['cloud joined', 'cloud restarted']);
  });

  it('refuses a name that is alive elsewhere, and takes it once that node has failed', () => {
    const { register, pass } = world();
    register('cloud', null);
    expect(() => register('cloud', null, { url: 'http://other' })).to.throw('a node of that name is alive at http://cloud');
    pass(DEADLINE_MS + 1);
    expect(register('cloud', null, { url: 'http://other' }).url).to.equal('http://other');
  });

  it('refuses a known name with another id', () => {
    const { register } = world();
    register('cloud', null);
    expect(() => register('cloud', null, { id: 'a5b3f0d6-5a1e-4d2e-8b6a-0a1b2c3d4e5f' })).to.throw('it is registered with the id');
  });

  it('refuses a parent that nobody knows', () => {
    expect(() => world().register('milan', 'cloud')).to.throw('its parent cloud is not registered');
  });

  it('refuses a circle', () => {
    const { register } = world();
    register('cloud', null);
    register('milan', 'cloud');
    register('leaf', 'milan');
    expect(() => register('milan', 'leaf')).to.throw('the tree would be a circle');
    expect(() => register('leaf', 'leaf')).to.throw('the tree would be a circle');
  });

  it('refuses a second root while the first is alive', () => {
    const { register } = world();
    register('cloud', null);
    expect(() => register('rome', null)).to.throw('cloud is the root');
  });

  it('takes no registration with a missing or wrong part', () => {
    const right = { name: 'a', url: 'http://a', level: 'l', parent: null, boot: 'b', deadlineMs: 1 };
    expect(registrationOf(right)).to.deep.equal(right);
    for (const wrong of [{ name: '' }, { url: 'ftp://a' }, { parent: 7 }, { deadlineMs: 0 }, { deadlineMs: 1e12 }, { id: 'no-uuid' }, { boot: undefined }]) {
      expect(() => registrationOf({ ...right, ...wrong }), JSON.stringify(wrong)).to.throw(Object.keys(wrong)[0]!);
    }
  });
});
