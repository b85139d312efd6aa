/** The manifests against the schemas of Kubernetes's own API, which the package kubernetes-models carries, and against each other. */
import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { configFromEnvironment } from '../../runtime/model/environment.js';

const FOLDER = 'deploy/kubernetes';
const require = createRequire(import.meta.url);

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  spec: Record<string, unknown>;
}

interface Pod {
  securityContext: object;
  containers: { name: string; image: string; ports: { name: string; containerPort: number }[]; env?: { name: string }[]; envFrom?: { configMapRef: { name: string } }[]; securityContext: object }[];
  volumes: { name: string; secret?: { secretName: string }; projected?: { sources: { secret: { name: string } }[] } }[];
}

async function manifests(): Promise<Manifest[]> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml').sort();
  const texts = await Promise.all(files.map((name) => readFile(join(FOLDER, name), 'utf8')));
  return texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Manifest));
}

/** Throws what the API server would say of it. */
function validate(manifest: Manifest): void {
  const models = require(`kubernetes-models/${manifest.apiVersion}`) as Record<string, new (given: object) => { validate(): void }>;
  const Model = models[manifest.kind];
  if (!Model) throw new Error(`${manifest.apiVersion} has no ${manifest.kind}`);
  new Model(manifest).validate();
}

const podOf = ({ spec }: Manifest) => (spec['template'] as { spec: Pod }).spec;
const isPodded = ({ kind }: Manifest) => kind === 'Deployment' || kind === 'StatefulSet';

describe('The manifests for Kubernetes', () => {
  it('are what its API takes', async () => {
    const all = await manifests();
    expect(all.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).to.include.members([
      'StatefulSet session-store', 'Deployment session-offloading-manager', 'Deployment shopping-cart', 'Deployment products-counter',
    ]);
    for (const manifest of all) expect(() => validate(manifest), `${manifest.kind} ${manifest.metadata.name}`).not.to.throw();
  });

  it('would be refused with a wrong field: the schemas do look', async () => {
    const all = await manifests();
    const deployment = all.find(({ kind }) => kind === 'Deployment')!;
    expect(() => validate({ ...deployment, spec: { ...deployment.spec, replicas: 'many' } })).to.throw();
    expect(() => validate({ ...deployment, spec: { ...deployment.spec, selector: undefined } })).to.throw();
    expect(() => validate({ ...deployment, kind: 'Deploiement' })).to.throw();
  });

  it('have a Service for each function, of its name and on the port that it listens on', async () => {
    const all = await manifests();
    for (const workload of all.filter(isPodded)) {
      const service = all.find(({ kind, metadata }) => kind === 'Service' && metadata.name === workload.metadata.name)!;
      const { matchLabels } = (workload.spec as { selector: { matchLabels: object } }).selector;
      expect(service.spec['selector'], workload.metadata.name).to.deep.equal(matchLabels);
      expect((workload.spec['template'] as { metadata: { labels: object } }).metadata.labels).to.include(matchLabels);
      const [port] = service.spec['ports'] as [{ port: number; targetPort: string }];
      expect(podOf(workload).containers[0]!.ports).to.deep.include({ name: port.targetPort, containerPort: port.port });
    }
    const functions = all.filter(({ metadata }) => metadata.labels?.['faas_function'] !== undefined);
    for (const { metadata } of functions) expect(metadata.labels!['faas_function']).to.equal(metadata.name);
    expect(functions.flatMap((one) => podOf(one).containers[0]!.ports.map(({ containerPort }) => containerPort))).to.deep.equal([8080, 8080, 8080].slice(0, functions.length));
  });

  it('run nothing as root, and give away nothing that is not needed', async () => {
    for (const workload of (await manifests()).filter(isPodded)) {
      const pod = podOf(workload);
      expect(pod.securityContext).to.include({ runAsNonRoot: true });
      expect(pod).to.include({ automountServiceAccountToken: false });
      for (const container of pod.containers) {
        expect(container.securityContext).to.deep.include({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
      }
    }
  });

  it('are all in the kustomization, whose settings make a node that can start', async () => {
    const { resources, images, configMapGenerator: [settings] } = parse(await readFile(join(FOLDER, 'kustomization.yaml'), 'utf8')) as {
      resources: string[]; images: { name: string }[]; configMapGenerator: [{ name: string; envs: string[] }];
    };
    expect([...resources, 'kustomization.yaml'].sort()).to.deep.equal((await readdir(FOLDER)).filter((name) => name.endsWith('.yaml')).sort());
    const lines = (await readFile(join(FOLDER, settings.envs[0]!), 'utf8')).trim().split('\n');
    const env = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    const { name, level, store, url, storePasswordFile } = configFromEnvironment(env);
    expect({ name, level, store, url, storePasswordFile }).to.deep.equal({
      name: env['NODE_NAME'], level: 'edge', store: 'redis://session-store:6379', url: 'http://gateway.openfaas:8080', storePasswordFile: '/var/openfaas/secrets/store-password',
    });
    const functions = (await manifests()).filter(isPodded).filter(({ metadata }) => metadata.labels?.['faas_function'] !== undefined);
    for (const workload of functions) {
      const [container] = podOf(workload).containers;
      expect(images.map((image) => image.name)).to.include(container!.image);
      expect(container!.envFrom).to.deep.equal([{ configMapRef: { name: settings.name } }]);
    }
  });

  it('take their secrets from those that the guide makes', async () => {
    const guide = await readFile('docs/deploy-openfaas.md', 'utf8');
    const made = [...guide.matchAll(/create secret generic ([\w-]+)/g)].map(([, name]) => name);
    const wanted = (await manifests()).filter(isPodded).flatMap((one) => podOf(one).volumes)
      .flatMap(({ secret, projected }) => [...(secret ? [secret.secretName] : []), ...(projected?.sources.map((source) => source.secret.name) ?? [])]);
    expect([...new Set(wanted)].sort()).to.deep.equal([...new Set(made)].sort());
  });
});
