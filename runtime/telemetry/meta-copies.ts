/**
 * What is known of other nodes' series, kept on this node's disk: so that any node can say what a node that is down had.
 * Each other node is asked now and then what is new since the last time. Nothing of it is in memory until it is asked for.
 */
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/log.js';
import { MAX_GONE_SERIES, META_SERIES_PER_ANSWER } from '../model/limits.js';
import type { ListedSeries } from './answers.js';
import type { ClusterNode } from './cluster.js';
import type { Points } from './points.js';
import { linesOf } from './series-file.js';

export const PEER_META = '/peer/telemetry/meta';

/** What a node says of its series. */
export interface MetaNews {
  boot: string;
  /** Everything up to here is told. */
  version: number;
  /** What was told before does not count any more. */
  isWhole: boolean;
  hasMore: boolean;
  series: ListedSeries[];
  gone: [entityID: string, metricID: string][];
}

export interface MetaQuestion {
  boot?: string;
  since?: number;
}

type Line = ListedSeries | { gone: true; entityID: string; metricID: string };

/** @param boot this node's life: versions count from its beginning */
export function metaNews(points: Points, boot: string, question: MetaQuestion): MetaNews {
  const isKnown = question.boot === boot && (question.since ?? 0) >= points.forgottenVersion;
  const since = isKnown ? question.since! : 0;
  if (isKnown && since === points.metaVersion) return { boot, version: since, isWhole: false, hasMore: false, series: [], gone: [] };
  const changed = [...points.own.all()].filter(({ version }) => version > since).sort((left, right) => left.version - right.version);
  const told = changed.slice(0, META_SERIES_PER_ANSWER);
  const hasMore = told.length < changed.length;
  const version = hasMore ? told.at(-1)!.version : points.metaVersion;
  return {
    boot, version, isWhole: !isKnown, hasMore, series: told.map(({ metricID, entityID, meta }) => ({ metricID, entityID, meta })),
    gone: isKnown ? points.gone.filter((each) => each.version > since && each.version <= version).map(({ entityID, metricID }) => [entityID, metricID]) : [],
  };
}

export interface MetaCopiesParts {
  node: string;
  folder: string;
  nodes(): ClusterNode[];
  ask(url: string, path: string, body: MetaQuestion): Promise<unknown>;
  log: Log;
}

/** Where the asking of one node is. */
interface Known {
  boot: string;
  version: number;
  lines: number;
}

export class MetaCopies {
  private readonly known = new Map<string, Known>();
  private running: Promise<void> | undefined;

  constructor(private readonly parts: MetaCopiesParts) {}

  /** Asks every node that is alive, unless it still does. */
  learn(): Promise<void> {
    const { node, nodes, log } = this.parts;
    this.running ??= Promise.all(nodes().filter(({ name, isAlive }) => name !== node && isAlive).map((other) => this.learnOf(other)
      .catch((error: unknown) => log.debug({ of: other.name, reason: (error as Error).message }, 'nothing was heard of a node\'s series'))))
      .then(() => { this.running = undefined; });
    return this.running;
  }

  /** The last that was heard of a node's series; undefined when nothing was. */
  async of(name: string): Promise<ListedSeries[] | undefined> {
    const content = await readFile(this.file(name)).catch(() => undefined);
    if (!content) return undefined;
    const series = new Map<string, ListedSeries>();
    for (const line of linesOf<Line>(content).values) {
      const key = `${line.entityID.length}:${line.entityID}${line.metricID}`;
      if ('gone' in line) series.delete(key);
      else series.set(key, line);
    }
    return [...series.values()];
  }

  /** Nodes of which something was heard, ever. */
  async names(): Promise<string[]> {
    const files = await readdir(this.parts.folder).catch(() => []);
    return files.filter((name) => name.endsWith('.jsonl')).map((name) => decodeURIComponent(name.slice(0, -'.jsonl'.length)));
  }

  async close(): Promise<void> {
    await this.running;
  }

  private async learnOf({ name, url }: ClusterNode): Promise<void> {
    let known = this.known.get(name);
    const began = known;
    let whole: string[] | undefined;
    for (let hasMore = true; hasMore;) {
      const news = await this.parts.ask(url, PEER_META, known ? { boot: known.boot, since: known.version } : {}) as MetaNews;
      // Pages behind the first are asked for by what the first said, and are part of the whole as well.
      if (news.isWhole) whole = [];
      const lines = [...news.gone.map(([entityID, metricID]) => ({ gone: true, entityID, metricID })), ...news.series].map((line) => `${JSON.stringify(line)}\n`);
      known = { boot: news.boot, version: news.version, lines: (news.isWhole ? 0 : known?.lines ?? 0) + lines.length };
      ({ hasMore } = news);
      if (whole) for (const line of lines) whole.push(line);
      else if (lines.length > 0) await appendFile(this.file(name), lines.join(''), { mode: 0o600 });
      if (!whole) this.known.set(name, known);
    }
    if (whole) await this.replace(name, whole);
    // A file that has grown by changes alone is asked for anew, once.
    if (began && !whole && known!.lines > MAX_GONE_SERIES * 10) this.known.delete(name);
    else this.known.set(name, known!);
  }

  private async replace(name: string, lines: readonly string[]): Promise<void> {
    await mkdir(this.parts.folder, { recursive: true, mode: 0o700 });
    await writeFile(`${this.file(name)}.new`, lines.join(''), { mode: 0o600 });
    await rename(`${this.file(name)}.new`, this.file(name));
  }

  private file(name: string): string {
    return join(this.parts.folder, `${encodeURIComponent(name)}.jsonl`);
  }
}
