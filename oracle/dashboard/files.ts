/** The page itself: a few files, read once at the start, that may load nothing from elsewhere. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';

const FILES = { '/': 'index.html', '/dashboard': 'index.html', '/dashboard/': 'index.html', '/dashboard/page.js': 'page.js', '/dashboard/page.css': 'page.css' };
const FOLDER = new URL('./page/', import.meta.url);
const TYPES: Record<string, string> = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' };

/** Names of nodes, sessions and functions are anybody's: were one ever to become markup, nothing of it would run. */
const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

interface File {
  type: string;
  bytes: Buffer;
  etag: string;
}

export class DashboardFiles {
  private constructor(private readonly files: Map<string, File>) {}

  /** A page that was not built is none; the API needs it not. */
  static async open(folder = FOLDER): Promise<DashboardFiles> {
    const entries = await Promise.all(Object.entries(FILES).map(async ([path, name]): Promise<[string, File][]> => {
      const bytes = await readFile(new URL(name, folder)).catch(() => undefined);
      const etag = bytes && `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      return bytes ? [[path, { type: TYPES[name.split('.').at(-1)!]!, bytes, etag: etag! }]] : [];
    }));
    return new DashboardFiles(new Map(entries.flat()));
  }

  /** False when nothing of it is at the path. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = request.method === 'GET' || request.method === 'HEAD' ? this.files.get(path) : undefined;
    if (!file) return false;
    const { type, bytes, etag } = file;
    const isKnown = request.headers['if-none-match'] === etag;
    response.writeHead(isKnown ? 304 : 200, { ...HEADERS, 'content-type': type, etag, ...(!isKnown && { 'content-length': bytes.length }) });
    response.end(isKnown || request.method === 'HEAD' ? undefined : bytes);
    return true;
  }
}
