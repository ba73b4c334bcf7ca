import {expect} from 'chai';
import {describeShare, parseShare, proveShare} from '../../../src/cli/flags/prove-flags.js';

describe('parseShare', () => {
  for (const [text, share] of [
    ['1%', 0.01],
    ['0.5%', 0.005],
    ['100%', 1],
    ['33.3333%', 0.333333],
  ] as const) {
    it(`takes ${text}, and says it again`, () => {
      expect(parseShare(text)).to.be.closeTo(share, 1e-12);
      expect(describeShare(parseShare(text))).to.equal(text);
    });
  }
  for (const text of ['0%', '1', '101%', '-1%', '1e1%', '%', ' 1%', '1 %', '0.0000001%', 'NaN%']) {
    it(`refuses "${text}"`, () => {
      expect(() => parseShare(text)).to.throw('--prove-share expected a percentage such as 1%');
    });
  }
});

describe('proveShare', () => {
  it('is all, a share, or none', () => {
    expect(proveShare({prove: true})).to.equal(1);
    expect(proveShare({'prove-share': 0.01})).to.equal(0.01);
    expect(proveShare({})).to.equal(undefined);
  });
});
