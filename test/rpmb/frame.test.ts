import {createHmac, randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {decodeFrame, encodeFrames, hasMac} from '../../src/rpmb/frame.js';

describe('frames of an RPMB', () => {
  const frame = {
    data: new Uint8Array(randomBytes(256)),
    nonce: new Uint8Array(randomBytes(16)),
    counter: 0x89abcdef,
    address: 0xfedc,
    count: 2,
    result: 0x85,
    type: 0x0300,
  };

  it('are laid out as JESD84-B51 says', () => {
    const bytes = encodeFrames([frame]);
    expect(Buffer.from(bytes.subarray(0, 228)).equals(Buffer.alloc(228))).to.equal(true);
    expect(bytes.subarray(228, 484)).to.deep.equal(frame.data);
    expect(bytes.subarray(484, 500)).to.deep.equal(frame.nonce);
    expect(Buffer.from(bytes.subarray(500)).toString('hex')).to.equal('89abcdeffedc000200850300');
  });

  it('come back as they were', () => {
    expect(decodeFrame(encodeFrames([{type: 1}, frame]), 1)).to.deep.equal(frame);
  });

  it('have one MAC for all, in the last, over bytes 228 to 511 of each', () => {
    const key = randomBytes(32);
    const bytes = encodeFrames([frame, {...frame, address: 3}], key);
    const mac = createHmac('sha256', key).update(bytes.subarray(228, 512)).update(bytes.subarray(740, 1024)).digest();
    expect(Buffer.from(bytes.subarray(708, 740)).equals(mac)).to.equal(true);
    expect(Buffer.from(bytes.subarray(196, 228)).equals(Buffer.alloc(32))).to.equal(true);
    expect(hasMac(bytes, key)).to.equal(true);
    for (const at of [228, 511, 708, 740, 1023]) {
      const other = bytes.slice();
      other[at]! ^= 1;
      expect(hasMac(other, key), `byte ${at}`).to.equal(false);
    }
    expect(hasMac(bytes, randomBytes(32))).to.equal(false);
  });
});
