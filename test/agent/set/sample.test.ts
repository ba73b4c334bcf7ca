import {expect} from 'chai';
import fc from 'fast-check';
import {Sample} from '../../../src/agent/set/sample.js';

/** The numbers of those that are drawn of `total`. */
function drawn(share: number, total: number, start?: number): number[] {
  const sample = new Sample(share, total, start);
  return [...new Array(total).keys()].filter(() => sample.takes());
}

describe('Sample', () => {
  it('takes all for a share of 1', () => {
    expect(drawn(1, 5)).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it('takes every 128th for a share of one in 128, from anywhere on', () => {
    for (const start of [0, 0.125, 0.5, 0.999]) {
      const some = drawn(1 / 128, 1280, start);
      expect(some).to.have.length(10);
      for (const [k, i] of some.entries()) if (k > 0) expect(i - some[k - 1]!).to.equal(128);
    }
    expect(drawn(1 / 128, 1280, 0)[0]).to.equal(0);
    expect(drawn(1 / 128, 1280, 0.999)[0]).to.equal(127);
  });

  it('takes others each time', () => {
    const firsts = new Set(Array.from({length: 50}, () => drawn(0.01, 10_000)[0]));
    expect(firsts.size).to.be.greaterThan(10);
  });

  it('takes as many as the share says, and at least one', () => {
    const share = fc.double({min: 1e-6, max: 1, noNaN: true});
    const start = fc.double({min: 0, max: 0.999, noNaN: true});
    fc.assert(
      fc.property(share, fc.integer({min: 1, max: 2000}), start, (share, total, start) => {
        expect(drawn(share, total, start)).to.have.length(Math.ceil(share * total));
      }),
    );
  });

  it('takes one of a single DEK, and nothing of none', () => {
    expect(drawn(1e-6, 1)).to.deep.equal([0]);
    expect(drawn(0.5, 0)).to.deep.equal([]);
  });
});
