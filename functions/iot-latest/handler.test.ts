import { expect } from 'chai';
import { testDomain } from 'xylem/testing';
import IotLatest from './handler.js';

describe('iot-latest', () => {
  it('keeps the last value of each sensor, wherever it is', async () => {
    const domain = testDomain({ latest: IotLatest });
    const tell = (body: unknown) => domain.call('latest', { session: 's', method: 'POST', body });
    await tell({ sensor: 'a', value: 1 });
    await tell({ sensor: 'b', value: 2 });
    await domain.move('s', 'cloud');
    await tell({ sensor: 'a', value: 3 });
    expect((await domain.call('latest', { session: 's' })).json()).to.deep.equal({ sensors: { a: 3, b: 2 } });
    for (const body of ['', '{}', '{"sensor":"a","value":"x"}', 'null']) expect(await tell(body)).to.include({ status: 400 });
    domain.close();
  });
});
