import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {exampleWarnings} from '../../src/officer/example-keys.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';

describe('example keys', () => {
  it('are the KEK of zeros in both sizes, and the credential of the documents', () => {
    const credential = Buffer.alloc(40);
    for (const bytes of [16, 32]) {
      expect(exampleWarnings(keyCheckValue(new Uint8Array(bytes)))).to.have.lengthOf(1);
    }
    expect(exampleWarnings(undefined, credential)).to.have.lengthOf(1);
    credential.writeUInt32BE(0x10000000, 0);
    credential.writeUInt32BE(0x10000000, 4);
    expect(exampleWarnings(undefined, credential)[0]).to.contain('public documents');
    expect(exampleWarnings(keyCheckValue(new Uint8Array(32)), credential)).to.have.lengthOf(2);
  });

  it('are no others', () => {
    expect(exampleWarnings(keyCheckValue(randomBytes(32)), randomBytes(40))).to.deep.equal([]);
    expect(exampleWarnings(undefined)).to.deep.equal([]);
  });
});
