/** The last known value of every sensor below this node: what is propagated here is `{sensor, value}`; GET tells all. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const SENSOR = 'sensor/';

export default class IotLatest extends Offloadable {
  async handleOffload(request: HandlerRequest, { edgeDB }: HandlerContext): Promise<unknown> {
    if (request.method === 'POST') {
      const { sensor, value } = readingOf(request.text());
      if (sensor === undefined || value === undefined) return { status: 400, body: { message: 'The body is {"sensor": "…", "value": 21.5}' } };
      await edgeDB.set(SENSOR + sensor, String(value));
      return undefined;
    }
    if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET, POST' } };
    const sensors: Record<string, number> = Object.create(null);
    for (const key of await edgeDB.keys()) {
      if (key.startsWith(SENSOR)) sensors[key.slice(SENSOR.length)] = Number(await edgeDB.get(key));
    }
    return { sensors };
  }
}

function readingOf(text: string): { sensor?: string; value?: number } {
  try {
    const { sensor, value } = JSON.parse(text) as { sensor?: unknown; value?: unknown };
    return typeof sensor === 'string' && typeof value === 'number' ? { sensor, value } : {};
  } catch {
    return {};
  }
}
