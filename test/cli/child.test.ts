import {expect} from 'chai';
import {splitAtDashes} from '../../src/cli/child.js';
import {thrownBy} from '../support/process/errors-thrown.js';

describe('child', () => {
  for (const [argv, own, command] of [
    [['--', 'ls'], [], ['ls']],
    [
      ['--device', 'mlx5_0', '--', 'ls', '-l'],
      ['--device', 'mlx5_0'],
      ['ls', '-l'],
    ],
    [['nic', '--', 'dek', 'run', '--', 'ls'], ['nic'], ['dek', 'run', '--', 'ls']],
    [['--', '--'], [], ['--']],
    [['--', ''], [], ['']],
  ] as const) {
    it(`splits ${argv.join(' ')}`, () => {
      expect(splitAtDashes(argv)).to.deep.equal({own, command});
    });
  }

  for (const argv of [[], ['--'], ['ls'], ['nic', '--'], ['-', 'ls']]) {
    it(`finds no command in "${argv.join(' ')}"`, async () => {
      const error = await thrownBy(() => splitAtDashes(argv));
      expect(error.code).to.equal('BAD_ARGUMENT');
      expect(error.hint).to.include('-- CMD');
    });
  }
});
