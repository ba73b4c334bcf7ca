import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {Master} from '../../src/bulk/rewrap-list.js';
import {DekError} from '../../src/errors.js';
import {newEdition, writeManifest} from '../../src/manifest/index.js';
import {keyCheckValue, wrapDek} from '../../src/wrap/index.js';
import {BytesKek} from '../../src/wrap/kek-handle.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const KEK = new Uint8Array(32).fill(1);

/** As a token that goes away after the first column of keys. */
class FailingKek extends BytesKek {
  #calls = 0;

  override async unwrap(...given: Parameters<BytesKek['unwrap']>): Promise<Uint8Array> {
    if (++this.#calls > 1) throw new DekError('IO', 'the token is gone');
    return super.unwrap(...given);
  }
}

describe('Master', () => {
  const directory = temporaryDirectory();
  after(() => fs.rmSync(directory, {recursive: true}));

  it('wipes the keys that it has when the KEK fails at others', async () => {
    const deks = ([128, 256] as const).map((keySize) => {
      const [key1, key2] = [3, 4].map((byte) => new Uint8Array(keySize / 8).fill(byte)) as [Uint8Array, Uint8Array];
      const wrapped = wrapDek(KEK, {key1, key2});
      return {name: `vol-${keySize}`, keySize, keytag: false, opaque: new Uint8Array(), wrapped};
    });
    const header = {edition: newEdition(), devices: [], importKekKcv: keyCheckValue(KEK), login: null};
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeManifest(header, deks)) chunks.push(chunk);
    const path = join(directory, 'manifest');
    fs.writeFileSync(path, Buffer.concat(chunks));

    const {set} = Uint8Array.prototype;
    const copies: Uint8Array[] = [];
    Uint8Array.prototype.set = function (source, at) {
      set.call(this, source, at);
      if (this[0] === 3 && this[this.length - 1] === 4) copies.push(this);
    };
    const error = await thrownBy(() => Master.open(path, new FailingKek(KEK.slice(), 'the KEK'))).finally(() => {
      Uint8Array.prototype.set = set;
    });
    expect(error.message).to.equal('the token is gone');
    expect(copies).to.have.length.above(0);
    for (const copy of copies) expect(copy.every((byte) => byte === 0)).to.equal(true);
  });
});
