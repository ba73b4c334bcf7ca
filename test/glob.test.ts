import {expect} from 'chai';
import {matcherOf} from '../src/glob.js';

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

  const CASES: [glob: string, yes: string[], no: string[]][] = [
    ['*', ['', 'a', 'vol-1'], []],
    ['vol-?', ['vol-1'], ['vol-', 'vol-12', 'avol-1']],
    ['vol-*', ['vol-', 'vol-12'], ['vo', 'x-vol-1']],
    ['*-4', ['vol-4', '-4', 'a-4-4'], ['vol-41']],
    ['a*b*c', ['abc', 'axbxc', 'abbcc'], ['acb', 'ab']],
    ['??', ['ab'], ['a', 'abc']],
  ];
  for (const [glob, yes, no] of CASES) {
    it(glob, () => {
      for (const name of yes) expect(matcherOf(glob)(name), name).to.equal(true);
      for (const name of no) expect(matcherOf(glob)(name), name).to.equal(false);
    });
  }

  it('takes no time for a GLOB that is made to take some', () => {
    expect(matcherOf(`${'*a'.repeat(127)}b`)('a'.repeat(128))).to.equal(false);
  });
});
