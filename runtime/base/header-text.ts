import { isUtf8 } from 'node:buffer';

const IS_ASCII = /^[\x20-\x7e]*$/;

/** A header's value as its sender meant it: the bytes as UTF-8 where they are that, else as Latin-1. */
export function textOfHeader(value: string): string {
  if (IS_ASCII.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}

/** For a header of ours: a name may have characters that no header can carry. */
export function headerText(name: string): string {
  return IS_ASCII.test(name) ? name : encodeURIComponent(name);
}
