import {expect} from 'chai';
import {caamFileText} from '../../src/seal/caam-file.js';

/** A header of keyctl_caam as its source writes it on ARM, and nothing behind it. */
function file(type: number, redBytes: number, objectBytes: number, magic = 0x5461674f): Uint8Array {
  const bytes = new Uint8Array(20);
  [magic, 1, type, redBytes, objectBytes].forEach((word, i) => {
    new DataView(bytes.buffer).setUint32(4 * i, word, true);
  });
  return bytes;
}

describe('files of keyctl_caam', () => {
  for (const [type, text] of [
    [0b0001, 'a black key of keyctl_caam, AES-ECB: a key of 32 bytes in 80 bytes'],
    [0b1001, 'a black key of keyctl_caam, AES-CCM: a key of 32 bytes in 80 bytes'],
    [0b0011, 'a black blob of keyctl_caam, AES-ECB: a key of 32 bytes in 80 bytes'],
    [0b1011, 'a black blob of keyctl_caam, AES-CCM: a key of 32 bytes in 80 bytes'],
    [0b0010, 'a red blob of keyctl_caam: a key of 32 bytes in 80 bytes'],
    [0b1111, 'a trusted black blob of keyctl_caam, AES-CCM: a key of 32 bytes in 80 bytes'],
  ] as const) {
    it(`are told: ${text.split(':')[0]}`, () => expect(caamFileText(file(type, 32, 80))).to.equal(text));
  }

  it('are told from others', () => {
    expect(caamFileText(file(1, 32, 80, 0x5461674e))).to.equal(undefined);
    expect(caamFileText(file(1, 32, 80).subarray(0, 19))).to.equal(undefined);
    expect(caamFileText(new Uint8Array())).to.equal(undefined);
  });
});
