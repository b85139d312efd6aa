import { expect } from 'chai';
import { testDomain } from 'xylem/testing';
import IotLatest from '../iot-latest/handler.js';
import IotDataReduction from './handler.js';

const FUNCTIONS = { 'iot-data-reduction': IotDataReduction, 'iot-latest': IotLatest };

describe('iot-data-reduction', () => {
  it('sends only changes up, also across a move', async () => {
    const domain = testDomain(FUNCTIONS, { env: { UP_LEVELS: 'city', THRESHOLD: '2' } });
    const read = async (value: number) => (await domain.call('iot-data-reduction', { session: 'boiler', method: 'POST', body: String(value) })).json<{ sent: boolean }>().sent;
    expect([await read(20), await read(20.5), await read(21.9)]).to.deep.equal([true, false, false]);
    await domain.move('boiler', 'cloud');
    expect([await read(21.9), await read(22), await read(20.1), await read(19)]).to.deep.equal([false, true, false, true]);
    await domain.settle();
    expect(domain.effects.map((effect) => effect.kind === 'propagate' && effect.value))
      .to.deep.equal([20, 22, 19].map((value) => ({ sensor: 'boiler', value })));
    const latest = await domain.call('iot-latest', { session: 'propagate:iot-latest@city', at: 'city' });
    expect(latest.json()).to.deep.equal({ sensors: { boiler: 19 } });
    expect((await domain.call('iot-data-reduction', { session: 'boiler' })).json()).to.deep.equal({ readings: 7, messages: 3, last: 19 });
    domain.close();
  });

  it('keeps to itself where no level is named', async () => {
    const domain = testDomain(FUNCTIONS);
    expect((await domain.call('iot-data-reduction', { session: 'a', method: 'POST', body: '1' })).json()).to.deep.equal({ value: 1, sent: true });
    expect(domain.effects).to.deep.equal([]);
    domain.close();
  });

  it('refuses what is no number', async () => {
    const domain = testDomain(FUNCTIONS);
    for (const body of ['', 'warm', 'Infinity']) expect(await domain.call('iot-data-reduction', { session: 'a', method: 'POST', body })).to.include({ status: 400 });
    expect(await domain.call('iot-data-reduction', { session: 'a', method: 'DELETE' })).to.include({ status: 405 });
    domain.close();
  });
});
