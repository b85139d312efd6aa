import type { Readable } from 'node:stream';
import { MAX_LOG_LINE_CHARS } from '../../model/limits.js';

/** Hands out what a process prints line by line; longer ones are cut, the last may lack its end. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!.slice(0, MAX_LOG_LINE_CHARS);
    for (const line of lines) if (line.length > 0) take(line.slice(0, MAX_LOG_LINE_CHARS));
  });
  stream.on('end', () => {
    if (rest.length > 0) take(rest);
  });
  stream.on('error', () => undefined);
}
