/** The shape of the inventory's routes; the server, the OpenAPI document and the docs are all made from their list. */
import type { ObjectName } from '../../../runtime/model/inventory/objects.js';
import type { Caller, Need } from './access.js';

export interface InventoryRequest {
  params: Record<string, string>;
  query: URLSearchParams;
  /** Parsed JSON; undefined without one. */
  body: unknown;
  headers: Record<string, string | string[] | undefined>;
  caller: Caller;
  /** `/inventory`, or '' at a root alias: what Location and Link begin with. */
  base: string;
}

export interface InventoryReply {
  status: number;
  headers?: Record<string, string>;
  json?: unknown;
  /** Sent as it is; needs a content-type among the headers. */
  text?: string;
}

export interface QueryParameter {
  name: string;
  description: string;
  type?: 'string' | 'integer' | 'boolean';
  required?: boolean;
}

export interface InventoryRoute {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/inventory`, as Express writes it: `/ComputeNode/:id`. */
  path: string;
  need: Need;
  /** Whether it answers before everything is brought back. */
  isEarly?: boolean;
  /** Whether it answers at the root of the port too, as the seed has it. */
  atRoot?: boolean;
  /** Other spellings of the path. */
  aliases?: string[];
  summary: string;
  /** Name of the operation in the OpenAPI document. */
  operation: string;
  query?: QueryParameter[];
  /** Schema of the body; `true` for any JSON. */
  body?: BodyKind;
  /** Schema of the answer by status. */
  answers: Record<number, AnswerKind>;
  run(request: InventoryRequest): Promise<InventoryReply> | InventoryReply;
}

export type BodyKind = { object: ObjectName; how: 'create' | 'replace' } | { schema: object };
export type AnswerKind = { object: ObjectName; list?: boolean } | { schema: object } | { text: string } | 'nothing';
