/** The examples of seed 002 as they stand there; numbers are compared as numbers, `(optional)` marks taken out. */
import { expect } from 'chai';
import { startTelemetry, type TestTelemetry } from './support.js';

const PUT = `{"monitoring": [
    {   
        "entityID": "ent1",
        "entityType": "fog",
        "metricID": "metr1",
        "name": "cpu",
        "units": "units1",
        "desc": "CPU",
        "group": "group1",
        "minVal": 5,
        "maxVal": 10,
        "higherIsBetter": true,
        "val": 6,
        "timestamp": 1611318068003,
        "pod":{
            "uuid": "123",
            "name": "kube",
            "namespace": "namespace"
        },
        "container":{
            "id": "345",
            "name": "container"
        }
    }
]}`;
const GET = `{   
    "metricID": ["metr1"], (optional)
    "entityID": ["ent1"], (optional)
    "podName": ["pod1"], (optional)
    "podNamespace": ["name1"], (optional)
    "containerName": ["container1"], (optional)
    "from": 1611318068000, (optional)
    "to": 2611318068000, (optional)
    "nodes": ["ip1","ip2"] (optional)
}`;
const GET_ANSWER = `{
    "monitoring": [
        {
            "node": "ip1",
            "data": [
                {
                    "metricID": "metr1",
                    "entityID": "ent1",
                    "values": [
                        {
                            "timestamp": 3,
                            "val": 30.0
                        }
                    ],
                    "entityType": "fog",
                    "name": "myname",
                    "units": "myunits",
                    "desc": "this is great",
                    "group": "mygroup",
                    "minVal": 5.0,
                    "maxVal": 10.0,
                    "higherIsBetter": true,
                    "pod": {
                        "uuid": "123",
                        "name": "kube",
                        "namespace": "namespace"
                    },
                    "container": {
                        "id": "345",
                        "name": "container"
                    }
                }
            ]
        }
    ]
}`;
const LIST = `{
    "metricID": ["metr1"], (optional)
    "entityID": ["ent1"], (optional)
    "podName": ["pod1"], (optional)
    "podNamespace": ["name1"], (optional)
    "containerName": ["container1"], (optional)
    "nodes": ["ip1"], (optional)
    "fields": ["metricfda", "entityType", "containerName", "podName", "desc", "podUUID", "higherIsBetter"] (optional)
}`;
const LIST_ANSWER = `{
    "metric": [
        {
            "node": "ip1",
            "metricID": "metr1",
            "entityID": "as1",
            "entityType": "fog",
            "higherIsBetter": true,
            "desc": "this is great",
            "pod": {
                "podName": "kube",
                "podUUID": "123"
            },
            "container": {
                "containerName": "container"
            }
        }
    ]
}`;
const ANALYTICS_PUT = `{"analytics": [
    {   
        "key": "app1",
        "val": "app1data",
        "timestamp": 1611318068000
    }
]}`;
const ANALYTICS_GET = `{   
    "key": ["key1"], (optional)
    "from": 1611318068000, (optional)
    "to": 2611318068000 (optional)
    
}`;
const ANALYTICS_ANSWER = `{
    "analytics": [
        {
            "key": "key1",
            "values": [
                {
                    "timestamp": 1611318068000,
                    "val": 3.0
                }
            ]
        }
    ]
}`;

const bare = (text: string) => text.replaceAll(' (optional)', '');
const META = {
  entityType: 'fog', name: 'myname', units: 'myunits', desc: 'this is great', group: 'mygroup', minVal: 5, maxVal: 10, higherIsBetter: true,
  pod: { uuid: '123', name: 'kube', namespace: 'namespace' }, container: { id: '345', name: 'container' },
};

describe('seed 002\'s examples', () => {
  let node: TestTelemetry;

  beforeEach(async () => { node = await startTelemetry({ environment: { APP_CACHE: 'true' } }); });
  afterEach(() => node.close());

  const post = (path: string, body?: unknown) => node.send('POST', path, body);

  it('/put takes the body of the example, and /get gives it back by each of its fields', async () => {
    expect(await post('/put', PUT)).to.deep.include({ status: 200, json: { result: 'OK', message: 'Ingestion successful!' } });
    const [given] = JSON.parse(PUT).monitoring;
    const { val, timestamp, entityID, metricID, ...meta } = given;
    const answer = { monitoring: [{ node: 'ip1', data: [{ metricID, entityID, values: [{ timestamp, val }], ...meta }] }] };
    for (const filter of [
      {}, { metricID: ['metr1'] }, { entityID: ['ent1'] }, { podName: ['kube'] }, { podNamespace: ['namespace'] }, { containerName: ['container'] },
      { metricID: ['metr1'], entityID: ['ent1'], podName: ['kube'] }, { from: 1611318068000, to: 2611318068000 }, { nodes: ['ip1'] }, { nodes: [] },
    ]) expect((await post('/get', filter)).json, JSON.stringify(filter)).to.deep.equal(answer);
  });

  it('/get takes the body of the example, with every field, and names the node that is not there', async () => {
    await post('/put', { monitoring: [{ ...META, pod: { name: 'pod1', namespace: 'name1' }, container: { name: 'container1' }, entityID: 'ent1', metricID: 'metr1', val: 1, timestamp: 1611318068001 }] });
    const { status, json } = await post('/get', bare(GET));
    expect(status).to.equal(200);
    expect(json.monitoring[0].data[0].values).to.deep.equal([{ timestamp: 1611318068001, val: 1 }]);
    expect(json.unavailable).to.deep.equal(['ip2']);
  });

  it('/get answers in the shape of the example', async () => {
    await post('/put', { monitoring: [{ metricID: 'metr1', entityID: 'ent1', val: 30.0, timestamp: 3, ...META }] });
    const { json, text } = await post('/get', { metricID: ['metr1'] });
    expect(json).to.deep.equal(JSON.parse(GET_ANSWER));
    expect(text).to.equal(JSON.stringify(JSON.parse(GET_ANSWER)));
  });

  it('/query answers in the shape of the example for each of the four functions', async () => {
    const put = (val: number, timestamp: number) => ({ metricID: 'metr1', entityID: 'ent1', val, timestamp });
    await post('/put', { monitoring: [put(10, 1000), put(30, 2000), put(20, 3000)] });
    for (const [agg, value] of [['sum', 60], ['max', 30], ['min', 10], ['avg', 20]]) {
      expect((await post('/query', { metricID: ['metr1'], from: 0, to: 5000, agg })).json, String(agg)).to.deep.equal({ value });
    }
    expect((await post('/query', { agg: 'max', from: 2000, to: 2000 })).json).to.deep.equal(JSON.parse('{\n    "value": 30.0\n}'));
    expect((await post('/query', { agg: 'sum' })).json, 'of the latest value').to.deep.equal({ value: 20 });
  });

  it('/list takes the body of the example, and answers in the shape of the example', async () => {
    await post('/put', { monitoring: [{ metricID: 'metr1', entityID: 'as1', val: 1, timestamp: 1, ...META }] });
    expect((await post('/list', bare(LIST))).json).to.deep.equal({ metric: [] });
    const { fields } = JSON.parse(bare(LIST));
    expect((await post('/list', { metricID: ['metr1'], fields })).json).to.deep.equal(JSON.parse(LIST_ANSWER));
    const [whole] = (await post('/list', {})).json.metric;
    expect(whole).to.include({ name: 'myname', units: 'myunits', group: 'mygroup', minVal: 5, maxVal: 10 });
  });

  it('/analytics takes the bodies of the examples, and answers in their shape', async () => {
    expect((await post('/analytics/put', ANALYTICS_PUT)).json).to.deep.equal({ result: 'OK', message: 'Ingestion successful!' });
    expect((await post('/analytics/get', { key: ['app1'] })).json.analytics[0].values).to.deep.equal([{ timestamp: 1611318068000, val: 'app1data' }]);
    await post('/analytics/put', { analytics: [{ key: 'key1', val: 3.0, timestamp: 1611318068000 }] });
    expect((await post('/analytics/get', bare(ANALYTICS_GET))).json).to.deep.equal(JSON.parse(ANALYTICS_ANSWER));
    expect((await node.send('DELETE', '/analytics', { key: ['key1'] })).json).to.include({ result: 'OK', message: 'Delete successful!' });
    expect((await post('/analytics/get', bare(ANALYTICS_GET))).json).to.deep.equal({ analytics: [] });
  });

  it('/app works the same, under application or analytics, and answers application', async () => {
    for (const name of ['application', 'analytics']) {
      expect((await post('/app/put', { [name]: [{ key: 'key1', val: 3, timestamp: 1611318068000 }] })).status).to.equal(200);
      expect((await post('/app/get', bare(ANALYTICS_GET))).json).to.deep.equal({ application: JSON.parse(ANALYTICS_ANSWER).analytics });
      expect((await node.send('DELETE', '/app', { key: ['key1'] })).json).to.include({ result: 'OK' });
      expect((await post('/app/get', {})).json).to.deep.equal({ application: [] });
    }
  });

  it('/app is not there unless APP_CACHE is true', async () => {
    const without = await startTelemetry();
    try {
      for (const [method, path] of [['POST', '/app/put'], ['POST', '/app/get'], ['DELETE', '/app']] as const) {
        const { status, json } = await without.send(method, path, '{}');
        expect([status, json.result]).to.deep.equal([404, 'ERROR']);
      }
    } finally {
      await without.close();
    }
  });

  it('/nodes lists the instances by host name and kind', async () => {
    expect((await post('/nodes')).json).to.deep.equal({ nodes: [{ hostname: 'ip1', cluster_head: true }] });
  });

  it('/monitoring deletes what the filters say', async () => {
    await post('/put', PUT);
    await post('/put', { monitoring: [{ entityID: 'ent2', metricID: 'metr1', val: 1, timestamp: 1 }] });
    expect((await node.send('DELETE', '/monitoring', { entityID: ['ent1'] })).json).to.include({ result: 'OK', message: 'Delete successful!' });
    expect((await post('/list', {})).json.metric.map(({ entityID }: any) => entityID)).to.deep.equal(['ent2']);
    expect(await node.send('DELETE', '/monitoring', {})).to.deep.include({ status: 400 });
    expect((await node.send('DELETE', '/monitoring', {})).json).to.include({ result: 'ERROR', message: 'Empty keyset!' });
  });

  it('points of 2021 stay however old they are: eviction counts from when a value came', async () => {
    await post('/put', PUT);
    node.nowMs += 167 * 3_600_000;
    node.telemetry.evict();
    expect((await post('/get', {})).json.monitoring[0].data).to.have.length(1);
    node.nowMs += 2 * 3_600_000;
    node.telemetry.evict();
    expect((await post('/get', {})).json.monitoring[0].data, 'latest values are evicted').to.have.length(0);
    expect((await post('/get', { from: 0 })).json.monitoring[0].data, 'history stays').to.have.length(1);
    expect((await post('/list', {})).json.metric, 'metadata stay').to.have.length(1);
  });
});
