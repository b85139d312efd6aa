/**
 * The dashboard in a real browser: over a domain of real processes, and over a thousand nodes that only say that they are there.
 * Every wait is for a selector: the page's policy forbids `eval`, with which `waitForFunction` looks a second time.
 */
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import type { DomainRecord } from '../../cli/state.js';
import { listDomain } from '../cli/list-domain.js';
import { Shell } from '../cli/support.js';
import { PASSWORD, ToldDomain } from '../dashboard/support.js';
import { told } from '../oracle/reports.js';
import { launchOrSkip, PATIENCE_MS } from './support.js';

const HOSTILE = '<img src=x onerror=document.title=1>';

/** Everything that went wrong in the page; nothing of it may. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A connection that breaks is no fault of the page, which asks again.
    if (message.type() === 'error' && !/status of (401|404)|net::ERR_/.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}

async function signIn(page: Page, password: string): Promise<void> {
  await page.click('.access');
  await page.fill('#password', password);
  await page.keyboard.press('Enter');
}

describe('The dashboard in a browser', function () {
  this.timeout(240_000);
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  before(async function () {
    browser = await launchOrSkip(this);
  });
  after(() => browser?.close());
  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(PATIENCE_MS);
    complaints = complaintsOf(page);
  });
  afterEach(async () => {
    await page?.close();
    expect(complaints ?? []).to.deep.equal([]);
  });

  describe('over a domain of real nodes', () => {
    let shell: Shell;
    let record: DomainRecord;
    let password: string;
    let oracleUrl: string;

    before(async () => {
      shell = await Shell.open();
      await shell.write(listDomain({ more: ['name: other'], oracle: 'policy: none\n' }));
      await shell.up('--store', 'embedded');
      record = await shell.record();
      password = await shell.password();
      oracleUrl = record.oracleUrl!;
      for (const session of ['anna', HOSTILE]) await fetch(`${urlOf('leaf')}/function/list`, { method: 'POST', headers: { 'X-session': session } });
    });
    after(() => shell?.close());

    const urlOf = (name: string) => record.nodes.find((node) => node.name === name)!.url;
    const rowOf = (session: string) => page.locator('tr[data-session]').filter({ hasText: session });

    it('is where a node\'s /ui/ leads, and shows every node to anybody, but no session', async () => {
      await page.goto(`${urlOf('leaf')}/ui/`);
      expect(new URL(page.url()).origin).to.equal(oracleUrl);
      await page.waitForSelector('.cell:has-text("leaf"):has-text("2 sessions")');
      expect(await page.locator('.cell').allInnerTexts().then((texts) => texts.map((text) => text.split('\n')[0]))).to.deep.equal(['top', 'leaf', 'other']);
      await page.goto(`${oracleUrl}/#sessions`);
      await page.waitForSelector('.locked:visible');
      expect(await page.locator('body').innerText()).to.not.include('anna');
    });

    it('takes the admin\'s password and no other, and forgets it with the page', async () => {
      await page.goto(`${oracleUrl}/#sessions`);
      await signIn(page, 'wrong');
      await page.waitForSelector('.wrong:has-text("not the admin")');
      await page.fill('#password', password);
      await page.keyboard.press('Enter');
      await rowOf('anna').waitFor();
      expect(await page.evaluate('JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])')).to.equal('[[],[],""]');
      await page.reload();
      await page.waitForSelector('.locked:visible');
    });

    it('moves a session, and shows the intent done, the move and the new place', async () => {
      await page.goto(`${oracleUrl}/#sessions?search=anna`);
      await signIn(page, password);
      await rowOf('anna').getByRole('button', { name: 'Move anna' }).click();
      await page.fill('#intent-node', 'top');
      await page.fill('#intent-reason', 'to see it move');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.outcome[data-state="done"]:has-text("it is at top now")');
      await page.keyboard.press('Escape');
      await page.waitForSelector('tr[data-session="anna"][data-state="away"]:has-text("top")');
      await page.click('nav a[href="#intents"]');
      await page.waitForSelector('tr[data-intent][data-state="done"]:has-text("to see it move")');
      await page.click('nav a[href="#overview"]');
      await page.waitForSelector('.move[data-result="done"]:has-text("anna"):has-text("to see it move")');
      await page.waitForSelector('.cell:has-text("top"):has-text("1 session")');
      const answer = await fetch(`${urlOf('leaf')}/function/list`, { method: 'POST', headers: { 'X-session': 'anna' } });
      expect(answer.headers.get('x-session-location')).to.equal('top');
    });

    it('says why an intent was refused', async () => {
      await page.goto(`${oracleUrl}/#intents`);
      await signIn(page, password);
      await page.click('text=New intent');
      await page.fill('#intent-session', 'nobody');
      await page.fill('#intent-node', 'top');
      await page.click('text=Ask for it');
      await page.waitForSelector('.outcome[data-state="refused"]:has-text("no node has reported this session")');
      await page.fill('#intent-node', 'mars');
      await page.click('text=Ask for it');
      await page.waitForSelector('.outcome[data-state="refused"]:has-text("mars")');
      await page.keyboard.press('Escape');
      await page.waitForSelector('tr[data-intent][data-state="refused"]:has-text("no node has reported this session")');
    });

    it('cordons a node from its panel, with the keyboard alone, and opens it again', async () => {
      await page.goto(oracleUrl);
      await signIn(page, password);
      await page.waitForSelector('.access:text-is("Sign out")');
      await page.locator('.cell', { hasText: 'top' }).focus();
      // Down to the first child, and to its neighbour.
      for (const key of ['ArrowDown', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
      await page.waitForSelector('dialog.panel[open] h2:has-text("other")');
      await page.waitForSelector('dialog.panel[open] dt:has-text("Processors")');
      for (const [button, status] of [['Cordon', 'cordoned'], ['Uncordon', 'alive']]) {
        await page.locator('dialog.panel .actions').getByRole('button', { name: button!, exact: true }).press('Enter');
        await page.waitForSelector('dialog.wide[open] button:has-text("Ask for it"):focus');
        await page.keyboard.press('Enter');
        await page.waitForSelector('.outcome[data-state="done"]');
        await page.keyboard.press('Escape');
        await page.click('nav a[href="#nodes"]');
        await page.waitForSelector(`tr[data-node="other"] .chip:text-is("${status}")`);
        await page.locator('tr[data-node="other"]').getByRole('button', { name: 'Open other' }).press('Enter');
        await page.waitForSelector('dialog.panel[open]');
      }
    });

    it('shows a session\'s name as text, whatever it is', async () => {
      await page.goto(`${oracleUrl}/#sessions?search=onerror`);
      await signIn(page, password);
      await page.waitForSelector('tr[data-session]');
      expect(await page.locator('tr[data-session] bdi').first().innerText()).to.equal(HOSTILE);
      expect(await page.locator('img').count()).to.equal(0);
      expect(await page.title()).to.match(/^Sessions/);
    });

    it('shows policy, functions and the oracle itself', async () => {
      await page.goto(`${oracleUrl}/#policy`);
      await page.waitForSelector('h2:text-is("none")');
      await page.click('nav a[href="#functions"]');
      await page.waitForSelector('tr:has-text("list"):has-text("all 3 nodes")');
      await page.click('nav a[href="#oracle"]');
      await page.waitForSelector('dd:has-text("2 sessions")');
    });
  });

  describe('over a thousand nodes', () => {
    const NODES = 1_000;
    const BRANCHES = 20;
    let domain: ToldDomain;

    before(async () => {
      domain = await ToldDomain.open();
      await domain.register({ name: 'root', parent: null, level: 'cloud' });
      for (let at = 0; at < BRANCHES; at += 1) await domain.register({ name: `city-${at}`, parent: 'root', level: 'city' });
      for (let at = BRANCHES + 1; at < NODES; at += 1) await domain.register({ name: at === 100 ? HOSTILE : `leaf-${at}`, parent: `city-${at % BRANCHES}` });
      await domain.report(HOSTILE, [told('anna', { home: HOSTILE })]);
    });
    after(() => domain?.close());

    it('draws each of them, and finds one among them', async () => {
      await page.goto(domain.url);
      await signIn(page, PASSWORD);
      await page.locator('.cell').nth(NODES - 1).waitFor();
      expect(await page.locator('.cell').count()).to.equal(NODES);
      // One stop for the tabulator, however many there are.
      expect(await page.locator('.cell[tabindex="0"]').count()).to.equal(1);
      await page.click('nav a[href="#nodes"]');
      await page.waitForSelector('.summary:has-text("1–100 of 1,000")');
      await page.click('.pager button:has-text("Next")');
      await page.waitForSelector('.summary:has-text("101–200 of 1,000")');
      await page.fill('input[aria-label="Search nodes"]', 'onerror');
      await page.waitForSelector('tr[data-node]:only-child');
      expect(await page.locator('tr[data-node] bdi').innerText()).to.equal(HOSTILE);
      expect(await page.locator('img').count()).to.equal(0);
    });

    it('changes nothing in the page while nothing changes in the domain', async () => {
      await page.goto(`${domain.url}/#nodes`);
      await page.waitForSelector('tr[data-node]');
      // Ages go on; whoever has never reported has none.
      const added = await page.evaluate(`new Promise((resolve) => {
        const wrap = document.querySelector('tbody');
        let changes = 0;
        const looks = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/overview')).length;
        new MutationObserver((records) => { changes += records.length; }).observe(wrap, { childList: true });
        const look = () => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/overview')).length >= looks + 2 ? resolve(changes) : requestAnimationFrame(look);
        look();
      })`);
      expect(added).to.equal(0);
    });
  });
});
