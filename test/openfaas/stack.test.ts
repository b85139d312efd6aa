import { expect } from 'chai';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readStack } from '../../cli/up/stack.js';

interface Stack {
  version: unknown;
  provider: { name: string; gateway: string };
  functions: Record<string, { lang: string; handler: string; image: string }>;
}

const KEYS = [
  'lang', 'handler', 'image', 'environment', 'environment_file', 'labels', 'annotations', 'constraints', 'secrets', 'limits', 'requests', 'build_args', 'build_options',
  'skip_build', 'fprocess', 'namespace', 'readonly_root_filesystem', 'copy',
];

/** `${NAME}` and `${NAME:-otherwise}`, as faas-cli replaces them. */
const substituted = (text: string, environment: Record<string, string>) =>
  text.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, otherwise = '') => environment[name] ?? String(otherwise));

describe('OpenFaaS: stack.yml and template/', () => {
  for (const file of ['stack.yml', 'functions/session-offloading-manager/stack.yml']) {
    it(`${file} has what faas-cli asks for, and nothing that it does not know`, async () => {
      const stack = parse(substituted(await readFile(file, 'utf8'), {})) as Stack;
      expect(Number(stack.version)).to.equal(1);
      expect(stack.provider.name).to.equal('openfaas');
      expect(new URL(stack.provider.gateway).protocol).to.match(/^https?:$/);
      for (const [name, entry] of Object.entries(stack.functions)) {
        expect(name).to.match(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
        expect(entry.image, name).to.match(/^[a-z0-9][\w./:-]*$/);
        expect(Object.keys(entry).filter((key) => !KEYS.includes(key)), name).to.deep.equal([]);
      }
    });
  }

  it('names a template and a folder of code that are there', async () => {
    const { functions } = parse(substituted(await readFile('stack.yml', 'utf8'), {})) as Stack;
    const templates = await readdir('template');
    for (const [name, { lang, handler }] of Object.entries(functions)) {
      expect(templates, name).to.include(lang);
      expect((await stat(handler)).isDirectory(), name).to.equal(true);
    }
  });

  it('takes gateway and images from the environment', async () => {
    const text = await readFile('stack.yml', 'utf8');
    const { provider, functions } = parse(substituted(text, { OPENFAAS_URL: 'http://10.0.0.1:8080', REGISTRY: 'registry.local/team', TAG: '7' })) as Stack;
    expect(provider.gateway).to.equal('http://10.0.0.1:8080');
    for (const [name, { image }] of Object.entries(functions)) expect(image).to.equal(`registry.local/team/${name}:7`);
    expect((await readStack('stack.yml', {}))!.map(({ name }) => name)).to.deep.equal(Object.keys(functions));
  });

  it('has templates as faas-cli pulls them: a language, a Dockerfile and the author\'s folder', async () => {
    for (const name of await readdir('template')) {
      const { language } = parse(await readFile(join('template', name, 'template.yml'), 'utf8')) as { language: string };
      expect(language).to.equal(name);
      expect(await readFile(join('template', name, 'Dockerfile'), 'utf8')).to.match(/^FROM /m).and.to.match(/^COPY .*function/m);
      expect((await readdir(join('template', name, 'function'))).some((file) => file.startsWith('handler.')), name).to.equal(true);
    }
  });
});
