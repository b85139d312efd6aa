/** Ids: random ones are injected, named ones are derived so that every tool computes the same (version 5 UUIDs). */
import { randomUUID } from 'node:crypto';
import { v5, validate } from 'uuid';

export interface Ids {
  /** A fresh random UUID. */
  uuid(): string;
}

export const systemIds: Ids = { uuid: () => randomUUID() };

/** Namespace of everything named in one domain. */
export function domainNamespace(domainId: string): string {
  return v5(domainId, v5.URL);
}

export function nodeId(name: string, namespace: string): string {
  return v5(`node/${name}`, namespace);
}

/** A session's lasting id (lid), the same wherever it lives. */
export function lidOf(session: string, namespace: string): string {
  return v5(`session/${session}`, namespace);
}

/** Id of one residency of a session on one node (pid). */
export function pidOf(lid: string, idOfNode: string, epoch: number, namespace: string): string {
  return v5(`${lid}/${idOfNode}/${epoch}`, namespace);
}

/** Id of one effect in its session's outbox. `request`: the request's id, or the call's when it has none. */
export function effectId(session: string, functionName: string, request: string, index: number): string {
  return v5(`effect/${session}/${functionName}/${request}/${index}`, v5.URL);
}

/** Request id under which an effect reaches a node: the same in every try, whoever delivers it. */
export function deliveryId(effect: string, target: string): string {
  return v5(`delivery/${target}`, effect);
}

/** Request id of an effect that was refused under its first one and is sent again: the same for every try until it is refused again. */
export function retryId(effect: string, target: string, refusedAtMs: number): string {
  return v5(`again/${refusedAtMs}`, deliveryId(effect, target));
}

export function isUuid(text: string): boolean {
  return validate(text);
}
