/**
 * How an EdgeDB value is stored: one tag byte, 't' for text or 'b' for bytes, and then the content.
 * What a handler put in thereby comes back as it went in. Both directions copy, so neither the
 * handler nor the store ever holds a buffer of the other.
 */
import { Fault } from '../model/faults.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../model/limits.js';

export type Value = string | Uint8Array;

const TEXT_TAG = 0x74;
const BYTES_TAG = 0x62;

/** Throws VALUE_TOO_LARGE; a TypeError for what is neither text nor bytes. */
export function encodeValue(key: string, value: Value): Buffer {
  if (typeof value === 'string') {
    const size = Buffer.byteLength(value, 'utf8');
    const stored = allocate(key, size, TEXT_TAG);
    stored.write(value, 1, 'utf8');
    return stored;
  }
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`EdgeDB keeps text and bytes; the value of key ${key.slice(0, 64)} is of type ${typeof value}`);
  }
  const stored = allocate(key, value.byteLength, BYTES_TAG);
  stored.set(value, 1);
  return stored;
}

function allocate(key: string, size: number, tag: number): Buffer {
  if (size + 1 > MAX_VALUE_BYTES) throw new Fault('VALUE_TOO_LARGE', { key: key.slice(0, 64), limit: MAX_VALUE_BYTES });
  const stored = Buffer.allocUnsafe(size + 1);
  stored[0] = tag;
  return stored;
}

/** Bytes that carry no tag (written by something else than an EdgeDB) come back as bytes. */
export function decodeValue(stored: Buffer): string | Buffer {
  if (stored[0] === TEXT_TAG) return stored.toString('utf8', 1);
  return Buffer.from(stored[0] === BYTES_TAG ? stored.subarray(1) : stored);
}

/** Throws KEY_INVALID unless the key is text of 1 to MAX_KEY_BYTES bytes. */
export function checkKey(key: string): void {
  if (typeof key === 'string' && key.length > 0 && key.length * 3 <= MAX_KEY_BYTES) return;
  const bytes = typeof key === 'string' ? Buffer.byteLength(key, 'utf8') : 0;
  if (bytes === 0 || bytes > MAX_KEY_BYTES) throw new Fault('KEY_INVALID', { bytes, limit: MAX_KEY_BYTES });
}
