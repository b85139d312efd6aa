/** A real browser, and pages of origins of their own. */
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';

/** Longer than a browser takes for anything here, on whatever machine. */
export const PATIENCE_MS = 120_000;
const PAGE = new URL('./page.html', import.meta.url);
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** `CHROMIUM`, or where Debian's package puts it. */
const chromiumPath = (): string => process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Why there is no browser; undefined when there is one. */
async function noBrowser(): Promise<string | undefined> {
  const path = chromiumPath();
  return access(path, constants.X_OK).then(() => undefined, () => `there is no Chromium at ${path}: apt-get install chromium, or name another one in CHROMIUM`);
}

/** True where the tests may do without a browser: never in CI unless `ALLOW_NO_BROWSER=yes`. */
const mayDoWithout = (): boolean => process.env['CI'] === undefined || process.env['ALLOW_NO_BROWSER'] === 'yes';

/** Skips the suite, and says so, where there is no browser and the tests may do without; rejects where they may not. */
export async function launchOrSkip(suite: Mocha.Context): Promise<Browser> {
  const reason = await noBrowser();
  if (reason !== undefined) {
    if (!mayDoWithout()) throw new Error(`${reason}; ALLOW_NO_BROWSER=yes lets CI do without`);
    console.log(`    skipped: ${reason}`);
    suite.skip();
  }
  return chromium.launch({ executablePath: chromiumPath(), args: FLAGS, timeout: PATIENCE_MS });
}

/** Serves the page at an origin of its own. */
export class PageServer {
  private constructor(private readonly server: Server) {}

  static async open(): Promise<PageServer> {
    const html = await readFile(PAGE);
    const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new PageServer(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
