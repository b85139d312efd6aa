import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

describe('Where no process can be started', () => {
  it('that is the end of the one that was asked for, and of nothing else', async () => {
    const at = (file: string) => JSON.stringify(new URL(`../../runtime/handler/process/${file}`, import.meta.url).href);
    const script = `const { openSync } = await import('node:fs');
      const { startProcess } = await import(${at('host.js')}); const { createReaper } = await import(${at('reaper.js')});
      try { for (;;) openSync('/dev/null'); } catch {}
      createReaper().close();
      const wire = new Promise((resolve) => {
        const host = startProcess(64, { ended: (reason) => void wire.then(() => console.log(reason)), printed: () => undefined });
        host.wire.open(() => undefined, resolve);
        host.kill();
      });`;
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'ulimit -n 100; exec "$0" --input-type=module -e "$1"', process.execPath, script]);
    expect(stdout).to.match(/EMFILE/);
  });
});
