/**
 * Seed 003's commands as the gateway calls them, whichever way they are spelled. Each is a few
 * lines here: what is asked, who may ask it, what is answered.
 */
import { Fields } from '../base/fields.js';
import type { CommandMeta, Commands, Reply } from '../base/reply.js';
import { Fault } from '../model/faults.js';
import { MAX_PAGE } from '../model/limits.js';
import type { Slot } from '../model/record.js';
import { parseChoice } from './choose.js';
import type { Offload } from './offload.js';
import { propagationOf } from './orders.js';
import { STREAM_TYPE, type MoveStep } from './peers.js';
import { seedData } from './seed-wire.js';
import { parseStatus } from './status.js';
import { hasEpoch, parseToken, tokenOf } from './token.js';

/** An attempt is a UUID. */
const MAX_ATTEMPT_CHARS = 64;
/** Seconds, percents, MB: 30 years at most. */
const MAX_NUMBER = 1_000_000_000;
/** Names of functions that an asking node may send along; no node has more. */
const MAX_FUNCTIONS_OF_ASKER = 10_000;

type Command = (params: URLSearchParams, body: unknown, call: CommandMeta) => Promise<Reply>;

const json = (value: unknown): Reply => ({ status: 200, json: value });

export function createCommands(offload: Offload): Commands {
  const { directory, store, status, node } = offload.options;
  const named = (params: URLSearchParams, call: CommandMeta) => params.get('session') ?? call.forcedSession ?? undefined;
  const choiceOf = (params: URLSearchParams) => parseChoice(params.get('choose') ?? undefined);

  const table: Record<string, Command> = {
    'set-offload-status': async (params, body) => {
      if (directory.isRoot()) throw new Fault('NO_PARENT', { node });
      await status.set(parseStatus(params.get('status') ?? (body as { status?: string } | undefined)?.status));
      return json({ node, status: status.current });
    },

    'force-offload': async (params, _body, call) => json(await offload.offload(named(params, call), choiceOf(params))),

    'force-onload': async (params, _body, call) => json(await offload.onload(named(params, call), choiceOf(params))),

    'offload-session': async (_params, body) => json(await offload.receive(parseToken(body))),

    'onload-session': async (params, body, call) => {
      const asked = new Fields(body);
      const asker = typeof call.caller === 'object' ? call.caller.peer : params.get('asker') ?? asked.maybeText('asker');
      if (!asker) throw new Fault('PARAMETER_INVALID', { name: 'asker', reason: 'the name of the asking node is needed' });
      const session = params.get('session') ?? asked.maybeText('session');
      const functions = asked.has('functions') ? asked.texts('functions', MAX_FUNCTIONS_OF_ASKER) : undefined;
      const choice = parseChoice(params.get('choose') ?? asked.maybeText('choose'));
      const maxBytes = asked.has('maxBytes') ? asked.count('maxBytes') : undefined;
      const except = asked.has('except') ? asked.texts('except', MAX_PAGE) : [];
      return json(await offload.offer(asker, session, choice, { functions, maxBytes, except: new Set(except) }));
    },

    'update-session': async (_params, body) => {
      const token = parseToken(body);
      if (!hasEpoch(body)) Object.assign(token, await impliedBy(token.session, token.currentLocation));
      return json(await offload.learn(token));
    },

    'migrate-session': async (params, body, call) => {
      const session = sessionParameter(params);
      const step = parseStep(body);
      if (step) return { status: 200, headers: { 'content-type': STREAM_TYPE }, ...await offload.source.step(session, step) };
      return json(await seedDeparture(session, params, call));
    },

    'test-function': async (params, _body, call) => {
      const slot = await known(sessionParameter(params));
      const isAway = slot.state === 'remote';
      if (call.accept.includes('text/plain')) return { status: 200, text: isAway ? `offloaded: yes (${slot.current})` : 'offloaded: no' };
      return json({ offloaded: isAway, location: slot.state === 'resident' ? node : slot.current, state: slot.state, ...tokenOf(slot) });
    },

    'garbage-collector': async (params) => {
      const seconds = numberIn(params, 'expiration');
      const idleMs = seconds === undefined ? undefined : seconds * 1_000;
      return json(await offload.collector.collect({ idleMs, forced: flagIn(params, 'forced') }, params.get('after') ?? undefined));
    },

    'offload-trigger': async (params) => json(await offload.trigger.run({
      ...given('capacityMb', numberIn(params, 'capacity')), ...given('highPercent', numberIn(params, 'high')),
      ...given('lowPercent', numberIn(params, 'low')), ...given('batch', numberIn(params, 'batch')),
      ...given('choose', params.has('choose') ? choiceOf(params) : undefined),
    })),

    'receive-propagate': async (_params, body) => json(await offload.receiver.propagate(propagationOf(body, offload.options.ids))),
  };

  async function known(session: string): Promise<Slot> {
    const slot = await store.slot(session);
    if (!slot || slot.state === 'absent' || slot.state === 'tombstone') throw new Fault('SESSION_UNKNOWN', { node, session });
    return slot;
  }

  /** A plain token without an epoch means 0, except from the node that the session is leaving to. */
  async function impliedBy(session: string, current: string): Promise<{ epoch?: number; incarnation?: string }> {
    const slot = await store.slot(session);
    if (!slot) return {};
    // It knows of no other life of the id either: old news, not a conflict.
    return { epoch: slot.leaving?.to === current ? slot.leaving.epoch : 0, incarnation: slot.incarnation };
  }

  /** Stop-and-copy for a plain seed caller: the session departs to it, and everything is answered at once (rule 14). */
  async function seedDeparture(session: string, params: URLSearchParams, call: CommandMeta) {
    const to = typeof call.caller === 'object' ? call.caller.peer : params.get('to') ?? '';
    if (!(await directory.resolve(to))) throw new Fault('PARAMETER_INVALID', { name: 'to', reason: 'the name of the node that takes the session is needed' });
    const { epoch, incarnation } = await known(session);
    const attempt = offload.options.ids.uuid();
    const reply = await offload.source.depart(session, { step: 'depart', attempt, epoch: epoch + 1, incarnation, to });
    if (reply.kind !== 'departed') throw new Fault('MOVE_REFUSED', { reason: 'reason' in reply ? reply.reason : reply.kind });
    return { session_data: seedData(reply.items ?? []) };
  }

  return {
    names: Object.keys(table),
    run: (name, params, body, call) => {
      const command = table[name];
      if (!command) throw new Fault('COMMAND_UNKNOWN', { command: name, commands: Object.keys(table) });
      return command(params, body, call);
    },
  };
}

function given<K extends string, V>(name: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : { [name]: value } as { [name in K]: V };
}

function numberIn(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0 && value <= MAX_NUMBER) return value;
  throw new Fault('PARAMETER_INVALID', { name, reason: `a number from 0 to ${MAX_NUMBER} is needed` });
}

function flagIn(params: URLSearchParams, name: string): boolean {
  const text = params.get(name) ?? 'false';
  if (text === 'true' || text === '' || text === 'forced') return true;
  if (text === 'false') return false;
  throw new Fault('PARAMETER_INVALID', { name, reason: 'use true or false' });
}

function sessionParameter(params: URLSearchParams): string {
  const session = params.get('session');
  if (!session) throw new Fault('PARAMETER_INVALID', { name: 'session', reason: 'the id of a session is needed' });
  return session;
}

function parseStep(body: unknown): MoveStep | undefined {
  const step = body as Partial<MoveStep & { epoch: number; incarnation: string; to: string; ticket: string }> | undefined;
  if (step?.step === undefined) return undefined;
  const isNamed = typeof step.attempt === 'string' && step.attempt !== '' && step.attempt.length <= MAX_ATTEMPT_CHARS;
  const isPlaced = step.step === 'drain' || (Number.isSafeInteger(step.epoch) && step.epoch! >= 0 && typeof step.incarnation === 'string');
  const isKnown = step.step === 'copy' || step.step === 'drain' || (step.step === 'depart' && typeof step.to === 'string');
  const hasTicket = step.ticket === undefined || typeof step.ticket === 'string';
  if (isNamed && isPlaced && isKnown && hasTicket) return step as MoveStep;
  throw new Fault('PARAMETER_INVALID', { name: 'step', reason: 'use copy, drain or depart with attempt, epoch, incarnation and to' });
}
