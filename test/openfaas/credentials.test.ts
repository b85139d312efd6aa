import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAdmin } from '../../runtime/base/credentials.js';

describe('OpenFaaS: the administrator\'s credentials', () => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'credentials-')); });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  const read = (environment: NodeJS.ProcessEnv = {}) => readAdmin({ user: 'admin', passwordFile: join(folder, 'admin-password') }, environment);

  it('come from the node\'s own file before all others', async () => {
    await write('admin-password', 'own\n');
    await write('basic-auth-password', 'theirs');
    expect(await read({ ADMIN_PASSWORD: 'environment' })).to.deep.equal({ user: 'admin', password: 'own' });
  });

  it('come from OpenFaaS\'s files beside it', async () => {
    await write('basic-auth-user', 'chef\n');
    await write('basic-auth-password', 'theirs\n');
    expect(await read({ ADMIN_PASSWORD: 'environment' })).to.deep.equal({ user: 'chef', password: 'theirs' });
    await rm(join(folder, 'basic-auth-user'));
    expect(await read()).to.deep.equal({ user: 'admin', password: 'theirs' });
  });

  it('come from the environment when there is no file', async () => {
    expect(await read({ ADMIN_PASSWORD: 'environment' })).to.deep.equal({ user: 'admin', password: 'environment' });
    expect(await read({ ADMIN_USER: 'chef', ADMIN_PASSWORD: 'environment' })).to.deep.equal({ user: 'chef', password: 'environment' });
  });

  it('have to come from somewhere, and an empty file is a mistake', async () => {
    expect(await read().catch((error: Error) => error.message)).to.match(/^There is no password for the administration/);
    await write('admin-password', '\n');
    expect(await read({ ADMIN_PASSWORD: 'environment' }).catch((error: Error) => error.message)).to.match(/is empty\.$/);
  });
});
