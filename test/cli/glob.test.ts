import {expect} from 'chai';
import {matcherOf} from '../../src/cli/glob.js';

describe('glob', () => {
  for (const [glob, fits, others] of [
    ['*', ['', 'a', 'a\nb'], []],
    ['vol-*', ['vol-', 'vol-1'], ['avol-1', 'vol']],
    ['vol-?', ['vol-1', 'vol-é'], ['vol-', 'vol-10']],
    ['a.b[c]$', ['a.b[c]$'], ['axb[c]$', 'a.bc$']],
    ['(a|b)+\\', ['(a|b)+\\'], ['a', 'b']],
  ] as const) {
    it(`${glob} is what a shell takes it for`, () => {
      const isOne = matcherOf(glob);
      for (const name of fits) expect(isOne(name), name).to.equal(true);
      for (const name of others) expect(isOne(name), name).to.equal(false);
    });
  }
});
