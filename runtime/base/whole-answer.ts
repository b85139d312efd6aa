/** An answer over HTTP as it comes from the parser: a body stream and its reader would cost a small answer several turns. */
import type { Dispatcher } from 'undici';

export interface WholeAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface AnswerLimits {
  /** Ends the call, and rejects with its reason. */
  signal: AbortSignal;
  mostBytes: number;
}

/** @param sent but for `origin` and `path`, which are those of `url` */
export function wholeAnswer(
  dispatcher: Dispatcher, url: string, sent: Omit<Dispatcher.DispatchOptions, 'origin' | 'path'>, { signal, mostBytes }: AnswerLimits,
): Promise<WholeAnswer> {
  const { origin, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const tooLarge = `its answer is larger than ${mostBytes} bytes`;
    const chunks: Buffer[] = [];
    let [status, bytes]: [number, number] = [0, 0];
    let headers: WholeAnswer['headers'] = {};
    let running: Dispatcher.DispatchController | undefined;
    const over = (error: Error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    };
    const fail = (error: Error) => {
      over(error);
      running?.abort(error);
    };
    const onAbort = () => fail(signal.reason as Error);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    dispatcher.dispatch({ ...sent, origin, path: pathname + search }, {
      onRequestStart(controller) {
        running = controller;
        if (signal.aborted) controller.abort(signal.reason as Error);
      },
      onResponseStart(_, code, given) {
        [status, headers] = [code, given];
        // What says how large it is need not come first.
        if (Number(given['content-length'] ?? 0) > mostBytes) fail(new Error(tooLarge));
      },
      onResponseData(_, chunk) {
        bytes += chunk.length;
        if (bytes <= mostBytes) chunks.push(chunk);
        else fail(new Error(tooLarge));
      },
      onResponseEnd() {
        signal.removeEventListener('abort', onAbort);
        resolve({ status, headers, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) });
      },
      onResponseError: (_, error) => over(error),
    });
    return undefined;
  });
}
