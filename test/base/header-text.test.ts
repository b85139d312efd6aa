import { expect } from 'chai';
import { textOfHeader } from '../../runtime/base/header-text.js';

const asSent = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe('the text of a header', () => {
  it('is what was sent as UTF-8, as the same id has it in a URL', () => {
    for (const id of ['anna', 'Zoë', '列車', '🚋 7']) expect(textOfHeader(asSent(id))).to.equal(id);
  });

  it('stays Latin-1 where the bytes are no UTF-8', () => {
    expect(textOfHeader('Zo\xeb')).to.equal('Zo\xeb');
  });
});
