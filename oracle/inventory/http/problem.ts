/** Refusals as problem JSON (RFC 9457), with the pointer of every field that offends. */
import type { Fault } from '../../../runtime/model/faults.js';
import { Refusal } from '../state/problems.js';

export interface Problem {
  /** `urn:problem:OBJECT_INVALID`: the code of the table of faults. */
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  retryable: boolean;
  errors?: { pointer: string; detail: string }[];
  conflicts?: { pointer: string; object: string; id: string; field: string; value: string }[];
}

export function problemOf(fault: Fault): Problem {
  const { code, status, message, retryable } = fault;
  const title = code.toLowerCase().replaceAll('_', ' ');
  const problem: Problem = { type: `urn:problem:${code}`, title, status, detail: message, code, retryable };
  if (!(fault instanceof Refusal)) return problem;
  const { offences, conflicts } = fault;
  return { ...problem, ...(offences.length > 0 && { errors: offences }), ...(conflicts.length > 0 && { conflicts }) };
}

export const PROBLEM_SCHEMA = {
  type: 'object', required: ['type', 'title', 'status', 'detail', 'code', 'retryable'],
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' }, code: { type: 'string' }, retryable: { type: 'boolean' },
    errors: { type: 'array', items: { type: 'object', required: ['pointer', 'detail'], properties: { pointer: { type: 'string' }, detail: { type: 'string' } } } },
    conflicts: {
      type: 'array',
      items: {
        type: 'object', required: ['pointer', 'object', 'id', 'field', 'value'],
        properties: { pointer: { type: 'string' }, object: { type: 'string' }, id: { type: 'string' }, field: { type: 'string' }, value: { type: 'string' } },
      },
    },
  },
};
