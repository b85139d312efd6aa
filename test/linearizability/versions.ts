/**
 * What the versions in answers promise beside linearizability: one version of a life of a session has one
 * content, whoever reads it and wherever; no client goes back; a later write never has an earlier version.
 */
export interface Sighting {
  session: string;
  client: string;
  /** Life of the id: versions of two lives have nothing to do with each other. */
  life?: string;
  version: number;
  /** Content as text. */
  content: string;
}

/** @returns what is wrong, in words */
export function versionFaults(sightings: readonly Sighting[]): string[] {
  const faults: string[] = [];
  const contents = new Map<string, Sighting>();
  const newest = new Map<string, Sighting>();
  for (const one of sightings) {
    const { session, client, life = '', version, content } = one;
    const first = contents.get(`${session}\0${life}\0${version}`);
    if (first && first.content !== content) {
      faults.push(`version ${version} of ${session} is ${first.content} to ${first.client} and ${content} to ${client}`);
    }
    if (!first) contents.set(`${session}\0${life}\0${version}`, one);
    const before = newest.get(`${session}\0${life}\0${client}`);
    if (before && before.version > version) faults.push(`${client} went back from version ${before.version} of ${session} to ${version}`);
    else newest.set(`${session}\0${life}\0${client}`, one);
  }
  return faults;
}
