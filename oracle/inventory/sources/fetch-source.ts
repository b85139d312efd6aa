/** Gets one file over HTTP: the address that the settings name and no other, so many bytes at most, in a limited time. */
import { open } from 'node:fs/promises';
import { Agent, type Dispatcher, request } from 'undici';
import { basicHeader } from '../../../runtime/base/credentials.js';
import { SourceProblem } from './problem.js';

export interface FetchLimits {
  bytes: number;
  ms: number;
}

export interface Fetched {
  /** False when it is what it was, and nothing was written. */
  isNew: boolean;
  etag?: string;
}

/**
 * Writes the answer into `file`, which the caller removes. Rejects with SourceProblem, whose words hold neither the
 * address nor what stands in it. Redirects are refused: where they lead nobody has allowed.
 */
export async function fetchSource(address: string, file: string, limits: FetchLimits, known?: string): Promise<Fetched> {
  const { url, authorization } = partsOf(address);
  const agent = new Agent({ connections: 1 });
  try {
    const answer = await request(url, {
      dispatcher: agent, signal: AbortSignal.timeout(limits.ms), headers: { ...(authorization && { authorization }), ...(known !== undefined && { 'if-none-match': known }) },
    });
    return await keep(answer, file, limits);
  } catch (error) {
    throw error instanceof SourceProblem ? error : new SourceProblem(reasonOf(error as Failure, limits));
  } finally {
    await agent.destroy();
  }
}

async function keep({ statusCode, headers, body }: Dispatcher.ResponseData, file: string, limits: FetchLimits): Promise<Fetched> {
  if (statusCode === 304) return { isNew: false };
  if (statusCode >= 300 && statusCode < 400) throw new SourceProblem('it leads to another address, which is not among the settings');
  if (statusCode !== 200) throw new SourceProblem(`it answers ${statusCode}`);
  const tooMuch = () => new SourceProblem(`it has more than ${limits.bytes} bytes`);
  if (Number(headers['content-length'] ?? 0) > limits.bytes) throw tooMuch();
  const handle = await open(file, 'w', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limits.bytes) throw tooMuch();
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  return { isNew: true, ...(typeof headers['etag'] === 'string' && { etag: headers['etag'] }) };
}

/** User and password in the address are sent as a header, as every other client does it. */
function partsOf(address: string): { url: URL; authorization?: string } {
  const url = new URL(address);
  const { username: user, password } = url;
  if (user === '' && password === '') return { url };
  url.username = '';
  url.password = '';
  return { url, authorization: basicHeader({ user: decodeURIComponent(user), password: decodeURIComponent(password) }) };
}

type Failure = Error & { code?: string; cause?: unknown };

function reasonOf(error: Failure, { ms }: FetchLimits): string {
  if (error.name === 'TimeoutError') return `it took longer than ${ms} ms`;
  return `it cannot be reached (${error.code ?? (error.cause as { code?: string } | undefined)?.code ?? error.name})`;
}
