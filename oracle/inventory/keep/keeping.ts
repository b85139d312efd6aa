/**
 * Keeps an inventory on the disk and brings it back: snapshots made by the engine from the journal that it
 * follows, so that nobody who reads or writes waits for one; and the journal for what came after them.
 */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../../runtime/base/clock.js';
import type { Log } from '../../../runtime/base/log.js';
import { Fault } from '../../../runtime/model/faults.js';
import { ENGINE_FOLLOW_BYTES, MAX_QUERY_ROWS, PAST_KEEP_MS, QUERY_MS, QUERY_STOP_MS } from '../../../runtime/model/limits.js';
import { OBJECT_NAMES, type ObjectName } from '../../../runtime/model/inventory/objects.js';
import { type Engine, QueryStopped } from '../engine/engine.js';
import type { QueryAnswer, TableDescription } from '../engine/messages.js';
import type { Inventory, Keeper } from '../inventory.js';
import type { RemoteSource, SnapshotSettings } from '../settings.js';
import type { Change } from '../state/row.js';
import { Sources, type SourcesParts } from '../sources/sources.js';
import { WorkingSet } from '../state/working-set.js';
import { findBeginning, touchedBy } from './beginning.js';
import { Follower } from './follower.js';
import { Journal, type JournalFile } from './journal.js';
import type { Recorded } from './recover.js';
import { applyAll, fill, findInSnapshot, indexLate, orUnavailable, readSnapshot } from './rows.js';
import { type Snapshot, SnapshotFolder, snapshotName, type SnapshotReason, timeOf } from './snapshots.js';

export interface KeepingParts {
  inventory: Inventory;
  folder: string;
  snapshots: SnapshotSettings;
  remote: RemoteSource[];
  clock: Clock;
  log: Log;
  /** Tests put a file in that fails. */
  openJournalFile?(file: string): Promise<JournalFile>;
  /** Everything is as a snapshot had it, from now on. */
  onRestored?(): void;
  /** Tests put smaller ones in. */
  sourceLimits?: SourcesParts['limits'];
}

export class Keeping implements Keeper {
  #journal!: Journal;
  #snapshots: Snapshot[] = [];
  #followed = 0;
  #following = false;
  #timer: Timer;
  #past: { name: string; set: Promise<WorkingSet>; timer: Timer } | undefined;
  #making: Promise<Snapshot> | undefined;
  #spared: Snapshot | undefined;
  #closed = false;
  /** As long as the working set is not whole: where single objects are found, and which of them are not what they were there. */
  #early: { base: Snapshot; touched: ReadonlySet<string> } | undefined;
  /** The query that runs. */
  #asking: { engine: Engine; timer: Timer; hurry(): Timer } | undefined;
  readonly #folder: SnapshotFolder;
  readonly #follower: Follower;
  readonly #sources: Sources;

  constructor(private readonly parts: KeepingParts) {
    const { folder, remote, clock, log } = parts;
    const sourceFolder = join(folder, 'remote');
    this.#folder = new SnapshotFolder(join(folder, 'snapshots'));
    this.#sources = new Sources({ folder: sourceFolder, remote, clock, log, ...(parts.sourceLimits && { limits: parts.sourceLimits }) });
    this.#follower = new Follower({
      folders: [join(folder, 'journal'), this.#folder.path, sourceFolder], remote, log, clock, sources: this.#sources,
      snapshots: () => this.#snapshots, rotate: () => this.#journal.rotate(),
    });
  }

  /** Oldest first. */
  get snapshots(): readonly Snapshot[] {
    return this.#snapshots;
  }

  /** Bytes of journal since the last snapshot that is kept for certain. */
  get journalBytes(): number {
    return this.#journal.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  // ── Starting ─────────────────────────────────────────────────────────────────────────────────

  /** Resolves when single objects can be had; the set of the inventory says when it is whole. */
  async start(): Promise<void> {
    const { inventory, log } = this.parts;
    const set = new WorkingSet();
    const { late, seq, base } = await this.#begin();
    if (base === undefined) await applyAll(set, late);
    else {
      set.isWhole = set.isReady = false;
      this.#early = { base, touched: touchedBy(late) };
      const loaded = this.#load(set, base, late);
      [set.whole, set.ready] = [orUnavailable(loaded), orUnavailable(loaded.then(() => indexLate(set)))];
      set.ready.catch(({ cause }: Error) => this.#closed || log.error({ reason: String(cause) }, 'the inventory could not be brought back'));
    }
    inventory.openWith(set, seq, this);
    this.#tick();
  }

  async #begin(): Promise<{ base?: Snapshot; late: Recorded[]; seq: number }> {
    const journalFolder = join(this.parts.folder, 'journal');
    const { snapshots, late, seq, segments } = await findBeginning({ folder: this.#folder, journalFolder, follower: this.#follower, log: this.parts.log });
    this.#snapshots = snapshots;
    this.#journal = new Journal({ folder: journalFolder, segments, last: seq, ...(this.parts.openJournalFile && { openFile: this.parts.openJournalFile }), onFailure: (error) => this.#failed(error) });
    const base = snapshots.at(-1);
    return { late, seq, ...(base && { base }) };
  }

  /** A snapshot that is as it was written and cannot be read three times is taken for damaged: it may have been the engine. */
  async #load(set: WorkingSet, first: Snapshot, late: Recorded[]): Promise<void> {
    let begun: { base?: Snapshot; late: Recorded[]; seq: number } = { base: first, late, seq: 0 };
    for (let attempt = 1; ; attempt += 1) {
      const { base } = begun;
      try {
        if (base) await this.#follower.use((engine) => engine.alone(() => fill(set, engine, base)));
        await applyAll(set, begun.late);
        break;
      } catch (error) {
        if (this.#closed || !base) throw error;
        this.parts.log.error({ snapshot: base.name, attempt, reason: (error as Error).message }, 'a snapshot of the inventory could not be read');
        set.clear();
        if (attempt % READ_ATTEMPTS === 0) await this.#folder.setAside(base.name);
        begun = await this.#begin();
        this.#early = begun.base && { base: begun.base, touched: touchedBy(begun.late) };
      }
    }
    set.isWhole = true;
    this.#early = undefined;
  }

  async early(object: ObjectName, key: string): Promise<WorkingSet | undefined> {
    const early = this.#early;
    if (!early || early.touched.has(`${object} ${key.toLowerCase()}`)) return undefined;
    const found = await this.#follower.use((engine) => findInSnapshot(engine, early.base, object, key)).catch(() => undefined);
    const isTouched = (set: WorkingSet) => OBJECT_NAMES.some((name) => [...set.tables[name].keys()].some((id) => early.touched.has(`${name} ${id}`)));
    return found && !isTouched(found) ? found : undefined;
  }

  #read(snapshot: Snapshot): Promise<WorkingSet> {
    return this.#follower.use(async (engine) => {
      await engine.call('verify', snapshot.folder, snapshot.tables);
      return engine.alone(() => readSnapshot(engine, snapshot));
    });
  }

  // ── Writing ──────────────────────────────────────────────────────────────────────────────────

  async append(changes: Change[], first: number, last: number): Promise<void> {
    await this.#journal.append(changes, first, last);
    this.#followLater();
  }

  #failed(error: Error): void {
    this.parts.log.error({ reason: error.message }, 'the journal of the inventory cannot be written; the changes were taken back');
    this.parts.inventory.takeBack();
  }

  /** Many changes are taken over in the background, so that the next snapshot or query finds few. */
  #followLater(): void {
    if (this.#following || this.#closed || this.journalBytes - this.#followed < ENGINE_FOLLOW_BYTES) return;
    this.#following = true;
    this.#follower.caughtUp(async () => {
      this.#followed = this.journalBytes;
    }).catch((error: unknown) => this.parts.log.warn({ reason: (error as Error).message }, 'the engine could not follow the journal')).finally(() => {
      this.#following = false;
    });
  }

  // ── Snapshots ────────────────────────────────────────────────────────────────────────────────

  /** Whoever asks while one is being made gets the next. */
  async snapshot(reason: SnapshotReason): Promise<Snapshot> {
    return this.#alone(() => this.#make(reason));
  }

  /** One at a time, so that the newest is always the one that was made last. */
  async #alone(make: () => Promise<Snapshot>): Promise<Snapshot> {
    while (this.#making) await this.#making.catch(() => undefined);
    this.#making = make();
    try {
      return await this.#making;
    } finally {
      this.#making = undefined;
    }
  }

  #make(reason: SnapshotReason): Promise<Snapshot> {
    return this.#follower.caughtUp(async (engine, seq) => {
      const name = this.#freeName();
      const createdAt = new Date(timeOf(name)!).toISOString();
      const snapshot = await this.#folder.make({ name, createdAt, seq, reason }, (folder) => engine.call('write', folder));
      this.#snapshots = [...this.#snapshots, snapshot];
      await this.#tidy();
      return snapshot;
    });
  }

  /** Later than every other, even when the clock was put back. */
  #freeName(): string {
    const last = this.#snapshots.at(-1);
    return snapshotName(Math.max(this.parts.clock.now(), last ? timeOf(last.name)! + 1 : 0));
  }

  /** Old snapshots go. The journal is kept back to the last but one, in case the last turns out to be torn. */
  async #tidy(): Promise<void> {
    const { keep } = this.parts.snapshots;
    const gone = this.#snapshots.slice(0, -keep).filter((each) => each !== this.#spared);
    this.#snapshots = this.#snapshots.filter((each) => !gone.includes(each));
    for (const { name } of gone) await this.#folder.remove(name);
    const safe = this.#snapshots.at(-2)?.seq ?? 0;
    for (const file of this.#journal.forget(safe)) await unlink(file);
    this.#followed = this.journalBytes;
  }

  #tick(): void {
    const { clock, inventory, log, snapshots } = this.parts;
    this.#timer = clock.setTimeout(() => {
      const isDue = inventory.seq > (this.#snapshots.at(-1)?.seq ?? 0);
      const done = isDue ? this.snapshot('timer').catch((error: unknown) => log.error({ reason: (error as Error).message }, 'no snapshot of the inventory could be made')) : Promise.resolve();
      void done.then(() => this.#closed || this.#tick());
    }, snapshots.everyMs);
  }

  /** Throws SNAPSHOT_UNKNOWN. */
  find(name: string): Snapshot {
    const snapshot = this.#snapshots.find((each) => each.name === name);
    if (!snapshot) throw new Fault('SNAPSHOT_UNKNOWN', { name, known: this.#snapshots.map((each) => each.name) });
    return snapshot;
  }

  /** The newest at that time, or the one of that name. Throws SNAPSHOT_UNKNOWN or PARAMETER_INVALID. */
  findAsOf(asOf: string): Snapshot {
    const exact = this.#snapshots.find((each) => each.name === asOf);
    if (exact) return exact;
    const ms = timeOf(asOf);
    if (ms === undefined) throw new Fault('PARAMETER_INVALID', { name: 'asOf', reason: 'it is a time such as 2026-11-21T07:00:00Z, or the name of a snapshot' });
    return this.#snapshots.findLast((each) => timeOf(each.name)! <= ms) ?? this.find(asOf);
  }

  /** Everything as a snapshot has it, from now on. What is now is kept as a snapshot first. Throws SNAPSHOT_UNKNOWN or SNAPSHOT_DAMAGED. */
  async restore(name: string): Promise<Snapshot> {
    return this.#alone(() => this.parts.inventory.alone(async () => {
      const wanted = this.find(name);
      const set = await this.#readOr(wanted);
      // Retention would remove the one that is wanted, if it is the oldest.
      this.#spared = wanted;
      try {
        await this.#make('restore');
        return await this.#follower.replacing(() => this.#goBack(wanted, set));
      } finally {
        this.#spared = undefined;
      }
    }));
  }

  /** Nobody writes meanwhile, makes a snapshot, or looks at the engine's tables. */
  async #goBack(wanted: Snapshot, set: WorkingSet): Promise<Snapshot> {
    const { inventory } = this.parts;
    const seq = inventory.seq + 1;
    const name = this.#freeName();
    const copy = await this.#folder.copy(wanted, { name, createdAt: new Date(timeOf(name)!).toISOString(), seq, reason: 'restore', restored: wanted.name });
    await this.#journal.rotate();
    this.#journal.continueAfter(seq);
    this.#snapshots = [...this.#snapshots, copy];
    inventory.replaceSet(set, seq);
    this.parts.onRestored?.();
    this.#spared = undefined;
    await this.#tidy();
    return copy;
  }

  async #readOr(snapshot: Snapshot): Promise<WorkingSet> {
    try {
      return await this.#read(snapshot);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault('SNAPSHOT_DAMAGED', { name: snapshot.name, reason: (error as Error).message }, { cause: error });
    }
  }

  /** The working set as it was; kept for a while, because who asks once asks again. */
  async past(asOf: string): Promise<WorkingSet> {
    const snapshot = this.findAsOf(asOf);
    const { clock } = this.parts;
    if (this.#past?.name !== snapshot.name) {
      clock.clearTimeout(this.#past?.timer);
      this.#past = { name: snapshot.name, set: this.#readOr(snapshot), timer: undefined };
      this.#past.set.catch(() => {
        if (this.#past?.name === snapshot.name) this.#past = undefined;
      });
    }
    const kept = this.#past;
    clock.clearTimeout(kept.timer);
    kept.timer = clock.setTimeout(() => {
      if (this.#past === kept) this.#past = undefined;
    }, PAST_KEEP_MS);
    return kept.set;
  }

  // ── Queries ──────────────────────────────────────────────────────────────────────────────────

  /** Throws QUERY_REFUSED or QUERY_TOO_LONG. */
  async query(sql: string, limits: { rows: number; ms: number }): Promise<QueryAnswer> {
    await this.#freshSources(sql);
    const most = { rows: Math.min(limits.rows, MAX_QUERY_ROWS), ms: Math.min(limits.ms, QUERY_MS) };
    return this.#asked(most.ms, (engine) => this.#inTime(engine, most.ms, engine.call('query', sql, most)));
  }

  async tables(): Promise<TableDescription[]> {
    await this.#freshSources();
    return this.#asked(QUERY_MS, (engine) => engine.call('tables'));
  }

  /** `to` is `current` or a snapshot. Throws QUERY_TOO_LONG. */
  diff(from: string, to: string, objects: ObjectName[], limit: number, ms = QUERY_MS) {
    const [old, now] = [this.findAsOf(from), to === 'current' ? undefined : this.findAsOf(to)];
    const place = ({ name, folder }: Snapshot) => ({ name, folder });
    return this.#asked(ms, async (engine) => ({
      from: old.name, to: now?.name ?? 'current', ...await this.#inTime(engine, ms, engine.call('diff', place(old), now && place(now), objects, { differences: limit, ms })),
    }));
  }

  /** Outside of the engine's turn: nobody but who names a source waits for it. */
  async #freshSources(sql?: string): Promise<void> {
    if (this.parts.remote.length === 0) return;
    this.#sources.take(await this.#follower.use(async ({ copied }) => copied));
    await this.#sources.refresh(sql);
  }

  /** Gives the engine up when it does not stop by itself. */
  async #inTime<T>(engine: Engine, ms: number, answer: Promise<T>): Promise<T> {
    const { clock } = this.parts;
    const giveUpIn = (waitMs: number): Timer => clock.setTimeout(() => this.#giveUp(engine, ms), waitMs);
    this.#asking = { engine, timer: giveUpIn(ms + QUERY_STOP_MS), hurry: () => giveUpIn(QUERY_STOP_MS) };
    return answer.finally(() => {
      clock.clearTimeout(this.#asking?.timer);
      this.#asking = undefined;
    });
  }

  #giveUp(engine: Engine, limitMs: number): void {
    this.parts.log.warn({ limitMs }, 'a query could not be stopped; the engine was given up and starts again when it is needed');
    engine.giveUp(new QueryStopped('', 'time'));
  }

  /** Nobody waits for a query any more. */
  #stopAsking(): void {
    const asking = this.#asking;
    if (!asking) return;
    this.parts.clock.clearTimeout(asking.timer);
    asking.engine.interrupt();
    asking.timer = asking.hurry();
  }

  async #asked<T>(ms: number, ask: (engine: Engine) => Promise<T>): Promise<T> {
    const ending = () => new Fault('INVENTORY_UNAVAILABLE', { reason: 'it is ending' });
    try {
      return await this.#follower.caughtUp(async (engine) => {
        if (!this.#closed) await this.#follower.show(engine);
        if (this.#closed) throw ending();
        return ask(engine);
      });
    } catch (error) {
      if (this.#closed && !(error instanceof Fault)) throw ending();
      if (!(error instanceof QueryStopped)) throw error;
      throw error.refused === 'time' ? new Fault('QUERY_TOO_LONG', { limit: ms }) : new Fault('QUERY_REFUSED', { reason: error.message });
    }
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────

  /** Begins what the end needs, so that it is quick. */
  prepareClose(): void {
    if (this.parts.inventory.seq > (this.#snapshots.at(-1)?.seq ?? 0)) this.#follower.caughtUp(async () => undefined).catch(() => undefined);
  }

  /** With a last snapshot, unless the last one has everything. */
  async close(): Promise<void> {
    const { inventory, log } = this.parts;
    this.#closed = true;
    this.#stopAsking();
    if (inventory.seq > (this.#snapshots.at(-1)?.seq ?? 0)) {
      await this.snapshot('shutdown').catch((error: unknown) => log.error({ reason: (error as Error).message }, 'no last snapshot of the inventory could be made; its journal has everything'));
    }
    await this.end();
  }

  /** Without a last snapshot: the journal has everything. */
  async end(): Promise<void> {
    const { clock } = this.parts;
    this.#closed = true;
    this.#stopAsking();
    clock.clearTimeout(this.#timer);
    clock.clearTimeout(this.#past?.timer);
    await this.#making?.catch(() => undefined);
    await this.#journal.close();
    await this.#follower.close();
  }
}

const READ_ATTEMPTS = 3;
