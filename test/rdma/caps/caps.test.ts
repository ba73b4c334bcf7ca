import {expect} from 'chai';
import {parseCaps} from '../../../src/rdma/caps/caps.js';

/** struct mlx5dv_crypto_caps from its members. */
function struct(selftests: number, engines: number, method: number, logMaxDeks: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, selftests, true);
  bytes.set([engines, method, logMaxDeks], 2);
  view.setUint32(8, flags, true);
  return bytes;
}

describe('caps', () => {
  it('reads a NIC of wrapped import mode', () => {
    expect(parseCaps(struct(0, 6, 1, 10, 3))).to.deep.equal({
      importMode: 'wrapped',
      operational: true,
      goingToCommissioning: false,
      failedSelftests: 0,
      engines: ['AES_XTS_SINGLE_BLOCK', 'AES_XTS_MULTI_BLOCK'],
      logMaxDeks: 10,
      maxDeks: 1024,
    });
  });

  it('reads a NIC of plaintext import mode', () => {
    expect(parseCaps(struct(0, 2, 0, 3, 1))).to.include({importMode: 'plaintext', operational: false, maxDeks: 8});
  });

  it('reads commissioning, its next state and failed self-tests', () => {
    expect(parseCaps(struct(0x8001, 1, 1, 3, 5))).to.include({
      importMode: 'wrapped',
      operational: false,
      goingToCommissioning: true,
      failedSelftests: 0x8001,
    });
  });

  it('takes all zeros for unknown, not for plaintext', () => {
    expect(parseCaps(struct(0, 0, 0, 0, 0))).to.include({importMode: 'unknown', maxDeks: 0});
  });

  it('takes engines without the crypto page for unknown, not for plaintext', () => {
    expect(parseCaps(struct(0, 6, 0, 0, 1)).importMode).to.equal('unknown');
  });

  it('says none when there is no AES-XTS engine', () => {
    expect(parseCaps(struct(0, 0, 0, 10, 1)).importMode).to.equal('none');
    expect(parseCaps(struct(0, 6, 0, 10, 0)).importMode).to.equal('none');
  });
});
