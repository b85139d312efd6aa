/** Does what the README tells a newcomer to do, and compares what comes out with what the README says. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { cp, readFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DomainRecord } from '../cli/state.js';
import { Shell } from './cli/support.js';

/** One fenced block of the README. */
interface Block {
  language: string;
  text: string;
}

const LINKED = ['package.json', 'node_modules', 'dist', 'xylem', 'functions', 'domain.yml', 'stack.yml'];
const FIRST_PORT = 8080;
const PORTS = /127\.0\.0\.1:(80\d\d)\b/g;

async function readme(): Promise<string> {
  return readFile('README.md', 'utf8');
}

function sectionOf(text: string, title: string): string {
  const found = text.split(/^## /m).find((section) => section.startsWith(`${title}\n`));
  if (found === undefined) throw new Error(`The README has no section ${title}`);
  return found;
}

function blocksOf(section: string): Block[] {
  return [...section.matchAll(/^```(\w*)\n(.*?)\n```$/gms)].map(([, language, text]) => ({ language: language!, text: text! }));
}

/** `…` stands for anything within a line, and for any lines where it is alone on one. */
function patternOf(expected: string): RegExp {
  const escaped = expected.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/^…$/gm, '[^]*?').replaceAll('…', '.*?')}$`);
}

describe('the README', function suite() {
  this.timeout(300_000);

  it('sets everything up by two commands, and the package starts what they say', async () => {
    const text = await readme();
    const plain = blocksOf(sectionOf(text, 'Start')).filter(({ language }) => language === '').map((block) => block.text);
    expect(plain).to.deep.equal(['npm ci && npm start', 'npm ci && npm test']);
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> };
    expect(scripts).to.include({ prepare: 'node build.mjs', start: 'node dist/cli/main.js domain up', test: 'mocha' });
  });

  it('names scripts, options and files that exist', async () => {
    const text = await readme();
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !(name in scripts))).to.deep.equal([]);
    for (const [, path] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) await readFile(path!);
  });

  describe('in a fresh folder', () => {
    let shell: Shell;
    let nodes: DomainRecord['nodes'];
    let started: string[];

    before(async () => {
      shell = await Shell.open();
      for (const name of LINKED) await symlink(resolve(name), join(shell.folder, name));
      await cp('template', join(shell.folder, 'template'), { recursive: true });
      const { lines } = await shell.up();
      // What is said once on a machine that has no store server is not part of it.
      started = lines.filter((line) => !line.startsWith('no store server is installed'));
      ({ nodes } = await shell.record());
    });
    after(() => shell.close());

    /** The README's addresses as those of the domain that runs now, in the same order. */
    const placed = (text: string) => text.replace(PORTS, (_, port) => new URL(nodes[Number(port) - FIRST_PORT]!.url).host);

    /** As somebody pastes it into a terminal: without what npm tells the scripts that it runs. */
    function paste(commands: string): Promise<string> {
      const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$|^ADMIN_PASSWORD$/i.test(name));
      const env = Object.fromEntries(inherited);
      return new Promise((done, failed) => {
        execFile('bash', ['-euo', 'pipefail', '-c', commands], { cwd: shell.folder, env }, (error, stdout, stderr) => {
          if (error) failed(new Error(`${commands}\nfailed: ${stderr || error.message}`));
          else done(stdout.replaceAll('\r', ''));
        });
      });
    }

    /** Runs the section's commands in their order, each held to the output that the README shows below it. */
    async function follow(title: string): Promise<number> {
      const blocks = blocksOf(sectionOf(await readme(), title));
      let compared = 0;
      for (const [index, { language, text }] of blocks.entries()) {
        if (language !== 'sh') continue;
        const output = await paste(placed(text));
        const next = blocks[index + 1];
        if (next?.language !== 'text') continue;
        const lines = output.split('\n').map((line) => line.trimEnd()).join('\n').trimEnd();
        // Answers of curl end without a line break; the README shows each on its own line.
        if (!patternOf(placed(next.text)).test(lines)) expect(lines, text).to.equal(placed(next.text));
        compared += 1;
      }
      return compared;
    }

    it('shows what the start prints', async () => {
      const shown = blocksOf(sectionOf(await readme(), 'Start')).find(({ language }) => language === 'text')!.text;
      const numberless = (text: string) => text.replace(/:\d+$/gm, ':N').replace(/version [\d.]+/g, 'version N').replace(/\d+\.\d+ s/g, 'N s').replace(/ +/g, ' ');
      // On free ports there is no mirror at the usual one.
      const ports = placed(shown).replaceAll('127.0.0.1:7000', '127.0.0.1:N').replace('redis://127.0.0.1:7379', 'off: …');
      expect(numberless(started.join('\n'))).to.match(patternOf(numberless(ports)));
    });

    it('has a tour that works when it is pasted', async () => {
      expect(await follow('A tour')).to.equal(7);
    });

    it('leads to a first function that works when it is pasted', async () => {
      const template = await readFile('template/node-offload/function/handler.ts', 'utf8');
      expect(await follow('Your first function in three minutes')).to.equal(4);
      const edited = (await readFile(join(shell.folder, 'mine/function/handler.ts'), 'utf8')).split('\n');
      const changed = edited.filter((line) => !template.split('\n').includes(line));
      expect(changed, 'lines to edit').to.have.length(5);
    });
  });
});
