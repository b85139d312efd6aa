/** One sensor a session: POST a reading; only one that differs enough from the last that was sent goes up. */
import { Offloadable, type HandlerContext, type HandlerRequest } from 'xylem';

const COLLECTOR = 'iot-latest';
const DEFAULT_THRESHOLD = 1;

export default class IotDataReduction extends Offloadable {
  async handleOffload(request: HandlerRequest, context: HandlerContext): Promise<unknown> {
    if (request.method === 'GET') return this.summary(context);
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'GET, POST' } };
    const text = request.text().trim();
    const value = Number(text);
    if (text === '' || !Number.isFinite(value)) return { status: 400, body: { message: 'The body is a number, such as 21.5' } };
    return this.take(value, context);
  }

  private async take(value: number, context: HandlerContext): Promise<unknown> {
    const { edgeDB, env, session } = context;
    const threshold = Number(env.THRESHOLD ?? DEFAULT_THRESHOLD);
    const sent = await edgeDB.get('sent');
    const isNews = sent === undefined || Math.abs(value - Number(sent)) >= threshold;
    await edgeDB.set('readings', String(Number(await edgeDB.get('readings') ?? 0) + 1));
    if (!isNews) return { value, sent: false };
    await edgeDB.set('sent', String(value));
    await edgeDB.set('messages', String(Number(await edgeDB.get('messages') ?? 0) + 1));
    if (env.UP_LEVELS) context.propagate({ sensor: session.id, value }, env.UP_LEVELS, COLLECTOR);
    return { value, sent: true };
  }

  private async summary({ edgeDB }: HandlerContext): Promise<unknown> {
    const [readings, messages, sent] = await Promise.all(['readings', 'messages', 'sent'].map(async (key) => Number(await edgeDB.get(key) ?? 0)));
    return { readings, messages, last: sent };
  }
}
