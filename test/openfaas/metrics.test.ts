import { expect } from 'chai';
import request from 'supertest';
import { createMetricsListener } from '../../runtime/gateway/faas/metrics-listener.js';
import { ADMIN, respond, startNode, type TestNode } from '../gateway/support.js';

describe('OpenFaaS: health, info and metrics', () => {
  let node: TestNode;
  beforeEach(async () => { node = await startNode(); });
  afterEach(() => node.close());
  const metrics = async () => (await request(node.url).get('/metrics').expect(200).expect('Content-Type', /^text\/plain; version=0\.0\.4/)).text;

  it('says to anybody that it is well', async () => {
    await request(node.url).get('/healthz').expect(200);
    await request(node.url).get('/healthz').set('Authorization', 'Bearer ').expect(200);
  });

  it('names provider, orchestration and versions, none of them empty', async () => {
    const { body } = await request(node.url).get('/system/info').set('Authorization', ADMIN).expect(200);
    const { provider, version, arch } = body as { provider: { provider: string; orchestration: string; version: Record<string, string> }; version: Record<string, string>; arch: string };
    for (const text of [provider.provider, provider.orchestration, provider.version['release'], provider.version['sha'], version['release'], version['sha'], arch]) {
      expect(text).to.be.a('string').and.not.equal('');
    }
  });

  it('counts calls of functions under OpenFaaS\'s names', async () => {
    await node.serve('f', () => respond('', { status: 201 }), 'stateless', { labels: { 'com.openfaas.scale.min': '1', 'com.openfaas.scale.target': '10' } });
    await request(node.url).get('/function/f').expect(201);
    const text = await metrics();
    for (const line of [
      'gateway_function_invocation_started{function_name="f"} 1', 'gateway_function_invocation_total{function_name="f",code="201"} 1',
      'gateway_functions_seconds_count{function_name="f"} 1', 'gateway_service_count{function_name="f"} 1', 'gateway_service_ready_count{function_name="f"} 1',
      'gateway_service_min{function_name="f"} 1', 'gateway_service_target_load{function_name="f",scaling_type="rps"} 9', 'gateway_function_invocation_inflight{function_name="f"} 0',
    ]) expect(text).to.include(`${line}\n`);
  });

  it('counts the requests of the administration by method, route and status, and never by a name', async () => {
    await request(node.url).get('/system/function/no-such-thing').set('Authorization', ADMIN).expect(404);
    await request(node.url).get('/system/functions').expect(401);
    const text = await metrics();
    expect(text).to.include('http_requests_total{method="GET",path="/system/function/:name",status="404"} 1\n');
    expect(text).to.include('http_requests_total{method="GET",path="/system/functions",status="401"} 1\n');
    expect(text).to.match(/http_request_duration_seconds_bucket\{method="GET",path="\/system\/functions",status="401",le="\+Inf"\} 1\n/);
    expect(text).not.to.include('no-such-thing');
  });

  it('counts what was queued and made of it', async () => {
    await node.serve('f', () => respond());
    await request(node.url).post('/async-function/f').expect(202);
    while (node.queue.queued('f') > 0) await new Promise((resolve) => setImmediate(resolve));
    const text = await metrics();
    expect(text).to.include('http_requests_total{method="POST",path="/async-function/:name",status="202"} 1\n');
    expect(text).to.include('queue_worker_messages_submitted_total{queue_name="faas-request"} 1\n');
    expect(text).to.include('queue_worker_messages_processed_total{queue_name="faas-request"} 1\n');
    expect(text).to.include('queue_worker_pending_messages{queue_name="faas-request"} 0\n');
  });

  it('has a type for every metric, and no line that is none', async () => {
    await node.serve('f', () => respond());
    await request(node.url).get('/function/f').expect(200);
    const lines = (await metrics()).split('\n').filter((line) => line !== '');
    const types = new Set(lines.flatMap((line) => /^# TYPE (\S+) /.exec(line)?.[1] ?? []));
    for (const line of lines.filter((each) => !each.startsWith('#'))) {
      const name = /^([a-z_]+)(?:\{[^}]*\})? -?[0-9.e+-]+$/.exec(line)?.[1];
      expect(name, line).to.be.a('string');
      expect(types.has(name!) || types.has(name!.replace(/_(?:bucket|sum|count)$/, '')), line).to.equal(true);
    }
  });

  it('may be had on a port of their own, where there is nothing else', async () => {
    const listener = createMetricsListener({ host: '127.0.0.1', port: 0, text: metrics });
    const url = await listener.listen();
    await request(url).get('/metrics').expect(200).expect(/gateway_service_count/);
    await request(url).get('/system/functions').expect(404);
    await request(url).post('/metrics').expect(405);
    await listener.close();
  });
});
