/**
 * The one table of faults: code, HTTP status, whether the same request may simply be sent again,
 * and the sentence that says what to do. docs/errors.md and a test pin it.
 */
import { MAX_NAMES_TOLD } from './limits.js';

interface FaultRow {
  status: number;
  retryable: boolean;
  /** `{name}` is replaced by the detail of that name. */
  sentence: string;
}

const row = (status: number, retryable: boolean, sentence: string): FaultRow => ({ status, retryable, sentence });

export const FAULTS = {
  SESSION_MISSING: row(400, false, 'This function keeps a session: send its id in the header X-session (1 to 256 bytes).'),
  SESSION_ID_INVALID: row(400, false, 'The header X-session must be 1 to 256 bytes long; this one has {bytes}.'),
  REQUEST_ID_INVALID: row(400, false, 'The header X-session-request-id must be a UUID.'),
  JSON_INVALID: row(400, false, 'The body is not valid JSON: {reason}.'),
  PARAMETER_INVALID: row(400, false, 'The parameter {name} is wrong: {reason}.'),
  KEY_INVALID: row(400, false, 'The function used an EdgeDB key of {bytes} bytes; a key is text of 1 to {limit} bytes.'),
  TELEMETRY_INVALID: row(400, false, 'The field {pointer} is wrong: {reason}.'),
  BUILD_INVALID: row(400, false, 'This cannot be built: {reason}.'),
  SIGNATURE_REFUSED: row(401, false, 'The build is refused: {reason}.'),
  UNAUTHORIZED: row(401, false, 'This needs the credentials of the node: user admin and its password, or a call signed with the domain\'s key.'),
  CLOCKS_APART: row(401, true, 'This signed call is refused: its sender\'s clock is {seconds} s from the one here, and {most} s are allowed; set the clocks.'),
  REPLAYED_CALL: row(401, false, 'This signed call was seen before; sign each call afresh.'),
  FORBIDDEN: row(403, false, 'These credentials do not allow this: {reason}.'),
  ORIGIN_REFUSED: row(403, false, 'Pages of {origin} may open no connections to functions here: name the origin in the setting cors.'),
  FUNCTION_UNKNOWN: row(404, false, 'There is no function {function} on node {node}. Deployed here: {deployed}.'),
  NOT_A_RECEIVER: row(404, false, 'Function {function} on node {node} receives nothing: deploy it with the annotation receives: "true".'),
  NODE_UNKNOWN: row(404, false, 'There is no node {name} in this domain. Nodes known here: {known}.'),
  COMMAND_UNKNOWN: row(404, false, 'There is no command {command}. Commands: {commands}.'),
  NAMESPACE_UNKNOWN: row(404, false, 'There is no namespace {namespace}. Known: {known}.'),
  CALL_UNKNOWN: row(404, false, 'There is no asynchronous call {call} here, or it ended long ago.'),
  SECRET_UNKNOWN: row(404, false, 'There is no secret {name} in namespace {namespace}.'),
  SESSION_UNKNOWN: row(404, false, 'Node {node} does not know session {session}.'),
  NOTHING_TO_MOVE: row(404, false, 'Node {node} has no session that could be moved now.'),
  APP_CACHE_OFF: row(404, false, 'Node {node} keeps no application data: start it with APP_CACHE=true.'),
  NOT_FOUND: row(404, false, 'There is nothing at {path}.'),
  METHOD_NOT_ALLOWED: row(405, false, 'Use {allowed} here.'),
  REQUEST_TIMEOUT: row(408, true, 'The request did not arrive within {limit} ms ({setting}): the {layer} stopped waiting for it.'),
  NODE_REFUSED: row(409, true, 'Node {name} cannot be registered: {reason}.'),
  CALL_NOT_DEAD: row(409, false, 'Only a dead call begins anew; call {call} is {state}.'),
  NAMESPACE_EXISTS: row(409, false, 'There is a namespace {namespace} already.'),
  NAMESPACE_IN_USE: row(409, false, 'The namespace {namespace} cannot be removed: {reason}.'),
  SECRET_EXISTS: row(409, false, 'There is a secret {name} in namespace {namespace} already; replace it with PUT.'),
  NO_PARENT: row(409, false, 'Node {node} is the root: it has no parent to offload to.'),
  NOT_ON_PATH: row(409, false, 'Node {node} is not on the path from the session\'s home {home} to the root; a re-home has to be asked for.'),
  FUNCTION_MISSING_AT_TARGET: row(409, false, 'Node {node} does not have every function of the session: {missing} missing.'),
  SESSION_CONFLICT: row(409, false, 'Session {session} exists twice, as incarnations {mine} and {theirs}; an operator has to choose one.'),
  SESSION_LOST: row(409, false, 'Node {holder} should hold the session but does not know it; an operator has to decide.'),
  STALE_EPOCH: row(409, true, 'The session has moved on to epoch {epoch}; ask again with a fresh record.'),
  OPERATION_REFUSED: row(409, false, 'This cannot be done to the session now: {reason}.'),
  REPLAY_TOO_LARGE: row(409, false, 'This request took effect before, but its answer was too large to keep.'),
  MOVE_REFUSED: row(409, true, 'The session cannot be moved now: {reason}.'),
  EFFECT_UNCERTAIN: row(410, false, 'Whether this effect was taken before can no longer be told: the session has forgotten senders as old as it. An operator decides.'),
  BODY_TOO_LARGE: row(413, false, 'The body is larger than the {limit} bytes allowed here.'),
  VALUE_TOO_LARGE: row(413, false, 'The value of key {key} is larger than {limit} bytes.'),
  SESSION_TOO_LARGE: row(413, false, 'The session would grow beyond {limit} bytes.'),
  EFFECTS_TOO_MANY: row(413, false, 'The function asked for more than {limit} effects on other sessions in one request.'),
  EFFECT_TOO_LARGE: row(413, false, 'The function propagates or sends {bytes} bytes at once; at most {limit} are allowed.'),
  ANSWER_TOO_LARGE: row(413, false, 'The answer would have more than {limit} {what}: narrow the filter or the range, or aggregate with /query.'),
  LOG_QUERY_INVALID: row(422, false, 'The log cannot be read so: {name} is wrong, {reason}.'),
  REQUEST_ID_REUSED: row(422, false, 'This request id was used before with another request; take a fresh UUID for each.'),
  HEADERS_TOO_LARGE: row(431, false, 'The request\'s headers are larger than {limit} bytes.'),
  TOO_MANY_QUEUED: row(429, true, 'Function {function} has {limit} asynchronous calls waiting already. Try again later.'),
  TOO_MANY_CALLS: row(429, true, 'Function {function} takes {limit} requests at once (max_inflight). Try again in a moment.'),
  HANDLER_FAILED: row(500, false, 'The function failed; nothing was changed. Its log has the reason under call {call}.'),
  INTERNAL: row(500, false, 'Something went wrong inside the node; its log has the reason under call {call}.'),
  WORKER_LOST: row(500, true, 'The worker of function {function} ended while it ran the request; nothing was changed.'),
  UPSTREAM_UNREACHABLE: row(502, true, 'Function {function} does not answer where it runs; the log of the node says why.'),
  ENGINE_FAILED: row(502, true, 'The container engine refuses: {reason}.'),
  PEER_UNREACHABLE: row(502, true, 'Node {node} did not answer at {url}: {reason}.'),
  BUSY: row(503, true, 'The session is busy: {waiting} requests wait for it already. Try again in a moment.'),
  EFFECTS_WAITING: row(503, true, 'The session has {waiting} effects on others that could not be delivered yet. Try again when their receivers are back.'),
  SENDERS_TOO_MANY: row(503, true, 'The session remembers {count} senders of effects and takes no other one before some of them are through.'),
  SESSION_PAUSED: row(503, true, 'An operator has paused the session; it goes on when it is resumed.'),
  MOVING: row(503, true, 'The session is being moved and the move has not ended yet. Try again in a moment.'),
  LEASE_LOST: row(503, true, 'The request lost its hold on the session before it could commit; nothing was changed. Try again.'),
  STORE_UNAVAILABLE: row(503, true, 'The store of node {node} at {store} does not answer; it is tried again until it does.'),
  STORE_UNSUITABLE: row(503, false, 'The store of node {node} at {store} cannot be used: {reason}.'),
  STARTING: row(503, true, 'Node {node} is starting: {reason}.'),
  DRAINING: row(503, true, 'Node {node} is shutting down.'),
  OVERLOADED: row(503, true, 'Function {function} has {limit} requests in hand already. Try again in a moment.'),
  TOO_MANY_SOCKETS: row(503, true, 'Node {node} has {limit} WebSockets open already. Try again later.'),
  QUEUE_FULL: row(503, true, 'The queue of asynchronous calls is full: {calls} calls with {bytes} bytes wait. Try again later.'),
  TOO_MANY_FOLLOWERS: row(503, true, 'The logs are followed by {limit} clients already.'),
  HISTORY_UNAVAILABLE: row(503, true, 'The history of node {node} does not answer: {reason}.'),
  HANDLER_TIMEOUT: row(504, false, 'The function took longer than {limit} ms ({setting}) and was stopped by the {layer}; nothing was changed.'),
  REDIRECT_LOOP: row(508, true, 'The nodes sent the request for this session round in a circle ({redirects} redirects without news of it); an operator should look at it.'),
  NO_CAPACITY: row(507, true, 'No node up to the root takes the session: {reason}.'),
  TELEMETRY_FULL: row(507, false, 'Node {node} has room for {limit} {what}, and no more: delete some, or give it more memory with SIZE.'),
  DEPLOY_FAILED: row(400, false, 'The function {function} could not be loaded: {reason}.'),
  OBJECT_INVALID: row(400, false, 'The {object} is not valid: {reason}.'),
  OBJECT_UNKNOWN: row(404, false, 'There is no {object} {id} in the inventory.'),
  OBJECT_CONFLICT: row(409, false, 'The {object} cannot be kept: {reason}.'),
  OBJECT_CHANGED: row(412, true, 'The {object} {id} is not as If-Match says: it has the ETag {etag} now. Read it again.'),
  CONTENT_UNKNOWN: row(415, false, 'A body of type {type} is not read here: send {allowed}.'),
  TOKEN_REFUSED: row(401, false, 'The bearer token is refused: {reason}.'),
  QUERY_REFUSED: row(400, false, 'The query is refused: {reason}.'),
  QUERY_TOO_LONG: row(504, false, 'The query took longer than {limit} ms and was stopped.'),
  SNAPSHOT_UNKNOWN: row(404, false, 'There is no snapshot {name}. Known: {known}.'),
  SNAPSHOT_DAMAGED: row(409, false, 'The snapshot {name} is damaged: {reason}.'),
  INVENTORY_UNAVAILABLE: row(503, true, 'The inventory cannot do this now: {reason}.'),
  INVENTORY_NOT_WRITTEN: row(507, true, 'The change could not be written to the disk, and nothing was changed: {reason}.'),
  ANSWER_TIMEOUT: row(499, false, 'The client left the answer waiting for {limit} ms ({setting}): the {layer} broke it off.'),
  CLIENT_GONE: row(499, false, 'The client closed its connection before the answer.'),
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof FAULTS;

export type FaultDetails = Record<string, string | number | boolean | string[]>;

/** An error that a client may see: a row of the table with its details filled in. The cause stays in the log. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly status: number;
  readonly retryable: boolean;

  constructor(readonly code: FaultCode, readonly details: FaultDetails = {}, options?: { cause?: unknown }) {
    super(sentenceOf(code, details), options);
    this.status = FAULTS[code].status;
    this.retryable = FAULTS[code].retryable;
  }

  toJSON(): { code: FaultCode; message: string; details: FaultDetails } {
    return { code: this.code, message: this.message, details: this.details };
  }
}

function sentenceOf(code: FaultCode, details: FaultDetails): string {
  return FAULTS[code].sentence.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = details[name];
    return value === undefined ? `(${name})` : Array.isArray(value) ? value.join(', ') || 'none' : String(value);
  });
}

/** Names for a fault's details: some of them, and how many more there are. */
export function someOf(names: readonly string[]): string[] {
  return names.length <= MAX_NAMES_TOLD ? [...names] : [...names.slice(0, MAX_NAMES_TOLD), `and ${names.length - MAX_NAMES_TOLD} more`];
}

/** Any error as a fault: what is not one already is INTERNAL, with the call id to find it by. */
export function asFault(error: unknown, callId = '-'): Fault {
  return error instanceof Fault ? error : new Fault('INTERNAL', { call: callId }, { cause: error });
}
