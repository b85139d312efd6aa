/** A sensor sends a reading a second, as it were; the node above hears of the changes alone. */
import { demo, expect, say, until } from '../demo.mjs';

await demo(async (domain) => {
  const [leaf] = domain.leaves;
  const parent = domain.above(leaf);
  const session = domain.fresh('sensor');
  const readings = [20, 20.2, 20.4, 20.1, 23, 23.1, 22.9, 18];
  const sent = [];
  for (const [index, reading] of readings.entries()) {
    if (index === 4) {
      await domain.offload(leaf, session);
      say(`${session} has moved to ${parent.name}`);
    }
    const { body } = await domain.call(leaf, 'iot-data-reduction', { method: 'POST', session, body: String(reading) });
    if (body.sent) sent.push(reading);
  }
  say(`readings: ${readings.join(' ')}`);
  expect('sent up', sent, [20, 23, 18]);
  const latest = async () => {
    const { body } = await domain.call(parent, 'iot-latest', { session: `propagate:iot-latest@${parent.name}` });
    return body.sensors?.[session];
  };
  await until(`known at ${parent.name}`, latest, 18);
});
