import {expect} from 'chai';
import {asksFor, matches} from '../../../src/agent/lending/names.js';

describe('names that a service asks for', () => {
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
      for (const name of yes) expect(matches(name, glob), name).to.equal(true);
      for (const name of no) expect(matches(name, glob), name).to.equal(false);
    });
  }

  it('takes no time for a GLOB that is made to take some', () => {
    expect(matches('a'.repeat(128), `${'*a'.repeat(127)}b`)).to.equal(false);
  });

  it('are all without a pattern', () => {
    expect(asksFor([])).to.equal(undefined);
    expect(asksFor(['a', 'b*'])!('bc')).to.equal(true);
    expect(asksFor(['a', 'b*'])!('ab')).to.equal(false);
  });
});
