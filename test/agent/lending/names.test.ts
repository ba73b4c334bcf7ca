import {expect} from 'chai';
import {asksFor} from '../../../src/agent/lending/names.js';

describe('names that a service asks for', () => {
  it('are all without a pattern', () => {
    expect(asksFor([])).to.equal(undefined);
    expect(asksFor(['a', 'b*'])!('bc')).to.equal(true);
    expect(asksFor(['a', 'b*'])!('ab')).to.equal(false);
  });
});
