/** What a run must have seen at least once, so that it proves something. */
export const MUST_HAPPEN: readonly string[] = [
  'move', 'write', 'acknowledged', 'replayed', 'redirect', 'birth', 'short', 're-home', 'vouched', 'discard',
  'effect', 'effect taken before', 'effect acknowledged', 'effect on the short way',
  'acquire:granted', 'acquire:granted-created', 'acquire:replay', 'acquire:moved', 'acquire:busy', 'acquire:hold', 'acquire:absent', 'acquire:astray',
  'release:committed', 'release:refused-lease', 'release:refused-state', 'release:refused-basis', 'release:refused-epoch', 'abandon:abandoned',
  'reserve:reserved', 'reserve:already-here', 'reserve:busy', 'reserve:stale', 'reserve:off-path',
  'departing:ok', 'departing:refused', 'copy:copying', 'copy:refused-epoch', 'copy:refused-state', 'copy:conflict',
  'depart:departed', 'depart:departed-repeat', 'depart:leased', 'depart:busy', 'depart:refused-epoch', 'depart:refused-state', 'depart:refused-name',
  'commit:committed', 'commit:refused-reservation', 'commit:refused-deadline', 'commit:refused-state',
  'learn:learned', 'learn:learned-ignored', 'learn:unknown', 'ask:committed', 'ask:fenced', 'abort:aborted', 'abort:refused', 'drop:dropped', 'drop:refused', 'wake:woken',
  'claim:claimed', 'claim:unknown', 'claim:known', 'paid:paid', 'gone:gone', 'gone:ignored',
  'expire:expired', 'expire:forgotten', 'expire:refused-owed', 'expire:refused-busy', 'expire:refused-not-home', 'expire:refused-incarnation',
];

export function missing(coverage: ReadonlyMap<string, number>): string[] {
  return MUST_HAPPEN.filter((name) => !coverage.get(name));
}
