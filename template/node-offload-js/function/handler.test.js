import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDomain } from 'xylem/testing';
import Handler from './handler.js';

test('a session\'s calls are counted, also by the node that it has moved to', async (t) => {
  const domain = testDomain({ visits: Handler });
  t.after(() => domain.close());
  await domain.call('visits', { session: 'anna' });
  await domain.move('anna', 'city');
  const answer = await domain.call('visits', { session: 'anna' });
  assert.deepEqual(answer.json(), { session: 'anna', visits: 2 });
  assert.equal(answer.node, 'city');
  assert.deepEqual(await domain.dataOf('anna'), { visits: '2' });
});

test('a request that is sent twice is counted once', async (t) => {
  const domain = testDomain({ visits: Handler });
  t.after(() => domain.close());
  const requestId = crypto.randomUUID();
  await domain.call('visits', { session: 'anna', requestId });
  assert.equal((await domain.call('visits', { session: 'anna', requestId })).replayed, true);
  assert.deepEqual(await domain.dataOf('anna'), { visits: '1' });
});
