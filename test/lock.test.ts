import { readFile } from 'node:fs/promises';
import { expect } from 'chai';

interface Entry {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

describe('package-lock.json', () => {
  const packages = async () => (JSON.parse(await readFile('package-lock.json', 'utf8')) as { packages: Record<string, Entry> }).packages;

  it('names no download address', async () => {
    expect(Object.values(await packages()).filter(({ resolved }) => resolved?.startsWith('http'))).to.deep.equal([]);
  });

  it('has every optional package of every platform, so that npm ci takes it wherever it was made', async () => {
    const all = await packages();
    const wanted = Object.values(all).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
    expect(wanted.filter((name) => all[`node_modules/${name}`]?.version === undefined)).to.deep.equal([]);
  });
});
