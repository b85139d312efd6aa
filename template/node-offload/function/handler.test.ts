import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testContext, testRequest } from 'xylem';
import Handler from './handler.js';

const handler = new Handler();

test('a session\'s calls are counted', async () => {
  const context = testContext({ session: { id: 'anna' } });
  await handler.handleOffload(testRequest(), context);
  assert.deepEqual(await handler.handleOffload(testRequest(), context), { session: 'anna', visits: 2 });
});

test('the count goes on from what is stored', async () => {
  const context = testContext({ data: { visits: '41' } });
  await handler.handleOffload(testRequest(), context);
  assert.equal(await context.edgeDB.get('visits'), '42');
});
