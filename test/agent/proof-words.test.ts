import {expect} from 'chai';
import {notProvable, type Proof} from '../../src/agent/proof.js';
import {proofError, wordsOf} from '../../src/agent/proof-words.js';

function proof(name: string, finding: Omit<Proof, 'name' | 'device'>, device = 'mlx5_0'): Proof {
  return {name, device, ...finding};
}

describe('wordsOf', () => {
  it('says what is wrong, why nothing is shown, and what the library has to do with it', () => {
    expect(wordsOf({verdict: 'ok'})).to.equal('ok');
    expect(wordsOf({verdict: 'halves-swapped'})).to.equal('wrong: key1 and key2 are swapped');
    expect(wordsOf(notProvable('no-dcv'))).to.equal('not provable: it has no check value (DCV)');
    expect(wordsOf({verdict: 'tweak-reversed', message: 'libmlx5'})).to.match(/^wrong: the tweak .* order: libmlx5$/);
  });
});

describe('proofError', () => {
  it('names each DEK by what was found, and the next step', () => {
    const {code, message, hint, exitStatus} = proofError(
      [
        proof('vol-1', {verdict: 'halves-swapped'}),
        proof('vol-2', {verdict: 'halves-swapped'}),
        proof('vol-3', {verdict: 'wrong-key'}, 'mlx5_1'),
        proof('vol-4', notProvable('no-dcv')),
      ],
      'nothing was changed on mlx5_0, mlx5_1',
    );
    expect([code, exitStatus]).to.deep.equal(['PROOF_FAILED', 6]);
    expect(message).to.equal(
      'vol-1, vol-2: wrong: key1 and key2 are swapped (mlx5_0); vol-3: wrong: another key (mlx5_1); ' +
        'nothing was changed on mlx5_0, mlx5_1',
    );
    expect(hint).to.include('dek wrap --dcv');
  });

  it('is NOT_PROVABLE where none is wrong, and counts those that are too many to name', () => {
    const many = Array.from({length: 12}, (_, i) => proof(`vol-${i}`, notProvable('no-dcv')));
    const {code, message, hint, exitStatus} = proofError(many);
    expect([code, exitStatus]).to.deep.equal(['NOT_PROVABLE', 7]);
    expect(message).to.equal(
      'vol-0, vol-1, vol-2, vol-3, vol-4 and 7 more: not provable: it has no check value (DCV) (mlx5_0)',
    );
    expect(hint).to.include('--dcv');
  });
});
