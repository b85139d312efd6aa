/** What has to hold after every command of every store, and once everything is quiet. */
import type { Slot } from '../../runtime/model/record.js';
import type { World } from '../domain/world.js';

type Seen = Pick<Slot, 'state' | 'epoch' | 'incarnation' | 'version'>;

/** Keeps what each node's disk says of each session, and compares at every change. */
export class Watch {
  readonly #slots = new Map<string, Map<string, Seen>>();

  constructor(private readonly world: World, private readonly violate: (what: string) => void) {}

  async changed(node: string, session: string): Promise<void> {
    if (session === '') return;
    const slot = await this.world.slotAt(node, session);
    const places = this.#slots.get(session) ?? new Map<string, Seen>();
    this.#slots.set(session, places);
    const before = places.get(node);
    if (!slot) return void places.delete(node);
    const { state, epoch, incarnation, version } = slot;
    places.set(node, { state, epoch, incarnation, version });
    if (before && before.epoch > epoch) this.violate(`epoch fell: ${session} at ${node} went from epoch ${before.epoch} to ${epoch}`);
    if (before?.state === 'resident' && state === 'resident' && before.incarnation === incarnation && before.version > version) {
      this.violate(`version fell: ${session} at ${node} went from version ${before.version} to ${version}`);
    }
    if (state === 'resident' && before?.state !== 'resident') this.#alone(session, node, places);
  }

  /** Two lives of an id are a conflict, which is told to an operator; two homes of one life are the end. */
  #alone(session: string, node: string, places: Map<string, Seen>): void {
    const mine = places.get(node)!;
    for (const [other, seen] of places) {
      if (other === node || seen.state !== 'resident' || seen.incarnation !== mine.incarnation) continue;
      this.violate(`two holders: ${session} is resident at ${node} (epoch ${mine.epoch}) and at ${other} (epoch ${seen.epoch})`);
    }
  }
}
