/** The shapes between the gateway and whoever stands behind its commands and extra routes. */

/** At most one of `json`, `text`, `bytes`, `stream`; bytes go out in one piece, a stream as it comes, with back pressure. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  json?: unknown;
  text?: string;
  bytes?: Buffer;
  stream?: AsyncIterable<Buffer>;
}

/** Who proved what: the node's admin credentials, or the domain's key in the name of a node. */
export type Caller = 'admin' | { peer: string };

export interface CommandMeta {
  method: string;
  /** The header `Accept`, '' when missing. */
  accept: string;
  caller: Caller;
  /** The header `X-forced-session`. */
  forcedSession?: string;
}

/** The protocol's commands by name. `run` rejects with a fault. */
export interface Commands {
  names: readonly string[];
  /** @param body the parsed JSON; undefined when there was none; a Buffer when the content type is application/octet-stream. */
  run(name: string, params: URLSearchParams, body: unknown, meta: CommandMeta): Promise<Reply>;
}

/** A route of another module (the agent's directory, telemetry) that the gateway serves. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As Express writes it: `/peer/nodes/:name`. */
  path: string;
  access: 'open' | 'admin' | 'peer';
  run(request: RouteRequest): Promise<Reply>;
}

export interface RouteRequest {
  params: Record<string, string>;
  query: URLSearchParams;
  /** As in `Commands.run`. */
  body: unknown;
  accept: string;
  /** Lower-case names, as node:http gives them. */
  headers?: Record<string, string | string[] | undefined>;
  /** Missing on open routes. */
  caller?: Caller;
}
