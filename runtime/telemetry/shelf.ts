/** The series of one owner, found by entity, by metric, or by looking through them. */
import type { FilterName, Selection } from './read-query.js';
import { Series } from './series.js';

export class Shelf {
  /** An entity of one metric has no map of its own. */
  private readonly byEntity = new Map<string, Series | Map<string, Series>>();
  private readonly byMetric = new Map<string, Set<Series>>();
  private count = 0;

  constructor(readonly owner: string) {}

  get size(): number {
    return this.count;
  }

  find(entityID: string, metricID: string): Series | undefined {
    const metrics = this.byEntity.get(entityID);
    if (metrics instanceof Series) return metrics.metricID === metricID ? metrics : undefined;
    return metrics?.get(metricID);
  }

  add(series: Series): void {
    const { entityID, metricID } = series;
    const metrics = this.byEntity.get(entityID);
    if (metrics instanceof Map) metrics.set(metricID, series);
    else this.byEntity.set(entityID, metrics ? new Map([[metrics.metricID, metrics], [metricID, series]]) : series);
    const same = this.byMetric.get(metricID);
    if (same) same.add(series);
    else this.byMetric.set(metricID, new Set([series]));
    this.count += 1;
  }

  remove(series: Series): void {
    const { entityID, metricID } = series;
    const metrics = this.byEntity.get(entityID);
    if (metrics === undefined || (metrics instanceof Map ? !metrics.delete(metricID) : metrics !== series)) return;
    if (metrics === series || (metrics as Map<string, Series>).size === 0) this.byEntity.delete(entityID);
    const same = this.byMetric.get(metricID)!;
    same.delete(series);
    if (same.size === 0) this.byMetric.delete(metricID);
    this.count -= 1;
  }

  * all(): Iterable<Series> {
    for (const metrics of this.byEntity.values()) {
      if (metrics instanceof Series) yield metrics;
      else yield* metrics.values();
    }
  }

  select({ filters }: Selection): Series[] {
    const found: Series[] = [];
    const wanted = Object.entries(filters) as [FilterName, NonNullable<Selection['filters'][FilterName]>][];
    for (const series of this.candidates(filters)) {
      if (wanted.every(([name, filter]) => filter.matches(fieldOf(series, name)))) found.push(series);
    }
    return found;
  }

  /** The smallest set that the indexes give. */
  private* candidates({ entityID, metricID }: Selection['filters']): Iterable<Series> {
    if (entityID?.isExact && (entityID.exact.size <= (metricID?.isExact ? metricID.exact.size : Infinity))) {
      for (const entity of entityID.exact) {
        const metrics = this.byEntity.get(entity);
        if (metrics instanceof Series) yield metrics;
        else if (metrics && metricID?.isExact && metricID.exact.size < metrics.size) {
          for (const metric of metricID.exact) if (metrics.has(metric)) yield metrics.get(metric)!;
        } else if (metrics) yield* metrics.values();
      }
    } else if (metricID?.isExact && entityID?.isExact) {
      for (const entity of entityID.exact) for (const metric of metricID.exact) {
        const series = this.find(entity, metric);
        if (series) yield series;
      }
    } else if (metricID?.isExact) {
      for (const metric of metricID.exact) yield* this.byMetric.get(metric) ?? [];
    } else yield* this.all();
  }
}

function fieldOf({ entityID, metricID, meta }: Series, name: FilterName): string | undefined {
  switch (name) {
    case 'entityID': return entityID;
    case 'metricID': return metricID;
    case 'podName': return meta.pod?.name;
    case 'podNamespace': return meta.pod?.namespace;
    case 'containerName': return meta.container?.name;
  }
}
