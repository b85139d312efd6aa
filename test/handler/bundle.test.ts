import { expect } from 'chai';
import { bundleFunction } from '../../runtime/base/bundle.js';
import { faultOf, Functions } from './support.js';

describe('Bundling a function', () => {
  const functions = new Functions();
  after(() => functions.close());

  const source = `import { Offloadable } from 'xylem';
    import { greet } from './greet.js';
    import { createHash } from 'node:crypto';
    export default class extends Offloadable { handleOffload() { return greet(createHash('md5').digest('hex')) } }`;
  const greet = 'export const greet = (name: string): string => name;';

  it('gives the same bytes wherever the folder lies', async () => {
    const one = await bundleFunction(await functions.folder('one', { 'handler.ts': source, 'greet.ts': greet }));
    const two = await bundleFunction(await functions.folder('deeper/down/two', { 'handler.ts': source, 'greet.ts': greet }));
    expect(one.code.toString()).to.equal(two.code.toString());
    expect(one.sha256).to.equal(two.sha256).and.to.match(/^[0-9a-f]{64}$/);
  });

  it('carries its own copy of the library and leaves out node\'s modules', async () => {
    const { code } = await bundleFunction(await functions.folder('own', { 'handler.ts': source, 'greet.ts': greet }));
    expect(code.toString()).to.contain('handler.kind').and.to.match(/from "node:crypto"/);
    expect(code.toString()).not.to.match(/from "xylem"/);
    expect(code.toString()).not.to.contain(process.cwd());
  });

  it('takes a template\'s function/handler before anything else', async () => {
    const { code } = await bundleFunction(await functions.folder('template', {
      'function/handler.js': "export default () => 'inner'", 'handler.js': "export default () => 'outer'",
    }));
    expect(code.toString()).to.contain('inner').and.not.to.contain('outer');
  });

  it('names file and line of a mistake', async () => {
    const folder = await functions.folder('wrong', { 'handler.ts': 'export default 1;\nlet = 2 3;' });
    const fault = await faultOf(bundleFunction(folder, 'wrong'));
    expect(fault).to.include({ code: 'DEPLOY_FAILED' });
    expect(fault.message).to.contain('wrong').and.to.contain('handler.ts:2');
  });

  it('says which files it looked for in a folder without a handler', async () => {
    const fault = await faultOf(bundleFunction(await functions.folder('empty', { 'README.md': '' }), 'empty'));
    expect(fault.message).to.contain('function/handler.ts');
  });
});
