import { expect } from 'chai';
import { testDomain } from 'xylem/testing';
import SpeechHistory from './handler.js';

describe('speech-history', () => {
  it('keeps what was said, in order, across a move', async () => {
    const domain = testDomain({ speech: SpeechHistory });
    const speak = async (body: string) => (await domain.call('speech', { session: 'anna', method: 'POST', body })).json<{ transcript: string; utterances: number }>();
    const first = await speak('aaaa');
    await domain.move('anna', 'city');
    const second = await speak('bbbb');
    expect(second.utterances).to.equal(2);
    expect(first.transcript).to.match(/^\w+ \w+ \w+ \w+$/).and.not.equal(second.transcript);
    expect((await speak('aaaa')).transcript).to.equal(first.transcript);
    expect((await domain.call('speech', { session: 'anna' })).json()).to.deep.equal({ history: [first, second, first].map(({ transcript }) => transcript) });
    await domain.call('speech', { session: 'anna', method: 'DELETE' });
    expect((await domain.call('speech', { session: 'anna' })).json()).to.deep.equal({ history: [] });
    domain.close();
  });

  it('costs time by the length of the sound, and remembers the last fifty', async () => {
    const domain = testDomain({ speech: SpeechHistory });
    expect((await domain.call('speech', { session: 's', method: 'POST', body: 'x'.repeat(4_500) })).json()).to.include({ ms: 5 });
    for (let index = 0; index < 50; index += 1) await domain.call('speech', { session: 's', method: 'POST', body: String(index) });
    expect((await domain.call('speech', { session: 's' })).json<{ history: string[] }>().history).to.have.length(50);
    expect(await domain.call('speech', { session: 's', method: 'POST' })).to.include({ status: 400 });
    domain.close();
  });
});
