import type { Directory, NodeInfo } from '../base/directory.js';
import { Fault } from '../model/faults.js';
import type { Peers } from './peers.js';

export type Place = Pick<NodeInfo, 'name' | 'level'>;

/** A node's way to the root as it knows it; `whole` when the last of them says that it is the root. */
export interface PathAnswer {
  places: Place[];
  isRoot: boolean;
}

/** Finds the nodes on the path from a home to the root, home first. */
export class Paths {
  #root: string | undefined;

  constructor(private readonly options: { directory: Directory; peers: Peers }) {}

  /** This node's own way up. */
  own(): PathAnswer {
    const { directory } = this.options;
    return { places: [directory.self, ...directory.ancestors()].map(placeOf), isRoot: directory.isRoot() };
  }

  /** Rejects with PEER_UNREACHABLE while the way up is not known to its end: who is told must not depend on when. */
  async from(home: string): Promise<Place[]> {
    const { directory, peers } = this.options;
    const places = directory.isInSubtree(home) ? [...this.#below(home), ...this.own().places.slice(1)] : (await peers.path(home)).places;
    const top = places.at(-1)!.name;
    if (top !== this.#root && !(await this.#isRoot(top))) {
      throw new Fault('PEER_UNREACHABLE', { node: top, url: 'its parent', reason: 'the way to the root is not known yet' });
    }
    this.#root = top;
    return places;
  }

  /** The way from a home upward, as far as it is known: to this node, where the home lies below it. */
  async upward(home: string): Promise<string[]> {
    const { directory, peers } = this.options;
    const places = directory.isInSubtree(home) ? this.#below(home) : (await peers.path(home)).places;
    return places.map(({ name }) => name);
  }

  #below(home: string): Place[] {
    const { directory } = this.options;
    const near = directory.known().filter((name) => directory.isBelow(home, name));
    return near.reverse().map((name) => placeOf(directory.lookup(name)!));
  }

  async #isRoot(name: string): Promise<boolean> {
    const { directory, peers } = this.options;
    return name === directory.self.name ? directory.isRoot() : (await peers.path(name)).isRoot;
  }
}

function placeOf({ name, level }: NodeInfo): Place {
  return { name, level };
}
