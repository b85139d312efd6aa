/** The place of a delivery on its way to the container of a function: sealed with the domain's key, for whoever can reach the container could else say that it had been taken. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Place } from './marks.js';

export const PLACE_HEADER = 'x-session-place';

/** What the seal is about: no other request can be sent with it. */
export interface Delivered {
  session: string;
  /** The request id. */
  id: string;
}

export function sealPlace(key: string, about: Delivered, place: Place): string {
  const text = Buffer.from(JSON.stringify(place)).toString('base64url');
  return `${text}.${macOf(key, about, text).toString('base64url')}`;
}

/** @returns undefined when it was not sealed with the key, or for another request */
export function openPlace(key: string, about: Delivered, header: string): Place | undefined {
  const [text = '', mac = ''] = header.split('.');
  const [given, wanted] = [Buffer.from(mac, 'base64url'), macOf(key, about, text)];
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as Place;
}

function macOf(key: string, { session, id }: Delivered, text: string): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(['place', session, id, text])).digest();
}
