import {expect} from 'chai';
import {countDeks, nameDek, nameKek} from '../../../src/cli/output/phrases.js';

describe('phrases', () => {
  it('count DEKs', () => {
    expect([0, 1, 2].map((count) => countDeks(count))).to.deep.equal(['0 DEKs', '1 DEK', '2 DEKs']);
    expect(countDeks(1, {keySize: 128, keytag: false})).to.equal('1 128-bit DEK without keytag');
    expect(countDeks(3, {keySize: 256, keytag: true})).to.equal('3 256-bit DEKs with keytag');
  });

  it('name a DEK and a KEK', () => {
    expect(nameDek({keySize: 256, keytag: true})).to.equal('256-bit DEK with keytag');
    expect(nameKek({kekKcv: '0102030405'})).to.equal('the KEK with KCV 0102030405');
    const parts = {kekKcv: '0102030405', kekComponents: ['11', '22']};
    expect(nameKek(parts)).to.equal('the KEK with KCV 0102030405 of components with KCV 11, 22');
    expect(nameKek({kekKcv: null})).to.equal('a KEK whose KCV is not known');
  });
});
