/** What the session layer needs of the rest of the domain; the offload layer provides it. */
import type { Owed } from '../model/record.js';
import type { Invocation, Served } from './invoke.js';

export type Located =
  /**
   * Nobody else has the id: it may be born here from `epoch` on, as `incarnation`; `owed` are registrations still to be made.
   * `certain` is false when the path to the root was cut, so that an ancestor may know better.
   */
  | { kind: 'free'; epoch: number; incarnation: string; knownBy: string[]; owed: Owed[]; certain: boolean }
  | { kind: 'known'; home: string; current: string; epoch: number };

export interface Neighbourhood {
  /** Asks parent → root whose the id is and, with `claim`, registers it for this node in the same walk. */
  locate(session: string, functionName: string, options: { claim: boolean; epoch: number }): Promise<Located>;
  /** URL of a node's gateway. */
  urlOf(node: string): Promise<string>;
  /** False while this node sends new sessions to its ancestors (status `reject`). */
  accepting(): boolean;
  /** Moves a session that was just born here to the first accepting ancestor; false when none takes it (it then stays). */
  shed(session: string): Promise<boolean>;
  /** Ends an expired session whose home is here; the caller has its turn. */
  retire(session: string): Promise<void>;
  /** Brings an expired session home, where it ends; resolves when the next acquire may be tried. False: home cannot be asked. */
  sendHome(session: string, home: string): Promise<boolean>;
  /** Carries the request to where the session is, instead of the client. */
  forward(call: Invocation, to: string, home: string): Promise<Served>;
  /** Something is owed to somebody since this commit; `effects` of it are new rows of the outbox. */
  owes(session: string, effects?: number): void;
  /** Throws EFFECTS_WAITING when the session has too many undelivered effects for so many more. */
  mayOwe(session: string, effects: number): void;
}
