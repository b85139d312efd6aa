/** Requests of the administration, counted by method, route and status, as OpenFaaS's gateway names them. */

/** Upper bounds in seconds. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Series {
  labels: string;
  count: number;
  seconds: number;
  buckets: number[];
}

export class HttpMetrics {
  /** Bounded by the routes there are. */
  readonly #series = new Map<string, Series>();

  /** @param path the route as it is written, `/system/function/:name`, so that no name makes a series */
  count(method: string, path: string, status: number, seconds: number): void {
    const labels = `method="${method}",path="${path}",status="${status}"`;
    const series = this.#series.get(labels) ?? { labels, count: 0, seconds: 0, buckets: BUCKETS_S.map(() => 0) };
    this.#series.set(labels, series);
    series.count += 1;
    series.seconds += seconds;
    BUCKETS_S.forEach((bound, index) => { if (seconds <= bound) series.buckets[index]! += 1; });
  }

  text(): string {
    const all = [...this.#series.values()];
    return [
      '# HELP http_requests_total Requests of the administration', '# TYPE http_requests_total counter',
      ...all.map(({ labels, count }) => `http_requests_total{${labels}} ${count}`),
      '# HELP http_request_duration_seconds Time from arrival to answer', '# TYPE http_request_duration_seconds histogram',
      ...all.flatMap(({ labels, count, seconds, buckets }) => [
        ...buckets.map((below, index) => `http_request_duration_seconds_bucket{${labels},le="${BUCKETS_S[index]}"} ${below}`),
        `http_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`,
        `http_request_duration_seconds_sum{${labels}} ${seconds}`, `http_request_duration_seconds_count{${labels}} ${count}`,
      ]), '',
    ].join('\n');
  }
}
