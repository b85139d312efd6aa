/** A request as a command gets it: variables of its environment, and its standard input. */
import type { FunctionRequest } from '../../session/call.js';

/** `Http_Method`, `Http_Path`, `Http_Query`, `Http_Content_Length` and one `Http_…` for each header. */
export function requestVariables(request: FunctionRequest): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) variables[`Http_${headerName(name, '_')}`] = first;
  }
  const length = contentLength(request);
  return {
    ...variables, Http_Method: request.method, Http_Path: request.path === '' ? '/' : request.path, Http_ContentLength: length, Http_Content_Length: length,
    ...(request.query !== '' && { Http_Query: request.query }),
  };
}

/** The form of `marshal_request`: `{"header": {"Accept": ["…"]}, "body": {"raw": "<base64>"}}`. */
export function marshalled(request: FunctionRequest, body: Buffer): Buffer {
  const header = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [headerName(name, '-'), [value ?? ''].flat()]));
  return Buffer.from(JSON.stringify({ header, body: { raw: body.toString('base64') } }));
}

/** `x-call-id` → `X_Call_Id`. */
function headerName(name: string, joint: string): string {
  return name.split('-').map((part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase()).join(joint);
}

/** −1 where it is not known before the body's end. */
function contentLength({ headers, body, stream }: FunctionRequest): string {
  const said = headers['content-length'];
  if (typeof said === 'string') return said;
  return stream !== undefined && headers['transfer-encoding'] !== undefined ? '-1' : String(body.length);
}
