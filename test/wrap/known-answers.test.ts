import {expect} from 'chai';
import {checkKnownAnswers, type VectorSet} from '../../src/wrap/known-answers.js';
import {readVectors} from '../support/keys/vectors.js';

function copy(
  name: 'rfc3394' | 'dek' | 'credential' | 'kcv' | 'dcv' | 'nvidia',
): VectorSet & Required<Pick<VectorSet, 'refused'>> {
  return structuredClone(readVectors(name));
}

/** The same hex with its last digit changed. */
function altered(hex: string | undefined): string {
  return `${hex!.slice(0, -1)}${hex!.endsWith('0') ? '1' : '0'}`;
}

describe('known answers', () => {
  for (const name of ['rfc3394', 'dek', 'credential', 'kcv', 'dcv', 'nvidia'] as const) {
    it(`passes every vector of ${name}, one result each`, () => {
      const set = copy(name);
      const results = checkKnownAnswers(set);
      expect(results.map(({id}) => id)).to.deep.equal([...set.vectors, ...set.refused].map(({id}) => id));
      expect(results.filter(({ok}) => !ok)).to.deep.equal([]);
      expect(new Set(results.map(({id}) => id)).size).to.equal(results.length);
    });
  }

  for (const field of ['kek', 'plaintext', 'wrapped'] as const) {
    it(`fails one vector, and no other, when its ${field} is wrong`, () => {
      const set = copy('dek');
      set.vectors[3]![field] = altered(set.vectors[3]![field]);
      const failed = checkKnownAnswers(set).filter(({ok}) => !ok);
      expect(failed.map(({id}) => id)).to.deep.equal([set.vectors[3]!.id]);
    });
  }

  it('fails a wrong check value', () => {
    const set = copy('kcv');
    set.vectors[0]!.kcv = altered(set.vectors[0]!.kcv);
    expect(checkKnownAnswers(set)[0]!.ok).to.equal(false);
  });

  it('fails a vector to be refused that is accepted', () => {
    const set = copy('credential');
    const {kek, wrapped} = set.vectors[0]!;
    set.refused = [{id: 'good', kek: kek!, wrapped: wrapped!, error: 'UNWRAP_FAILED'}];
    expect(checkKnownAnswers(set).at(-1)).to.deep.equal({id: 'good', ok: false});
  });

  it('fails a vector to be refused that is refused for another reason', () => {
    const set = copy('dek');
    set.refused = [{...set.refused[0]!, error: 'UNWRAP_FAILED'}];
    expect(checkKnownAnswers(set).at(-1)!.ok).to.equal(false);
  });

  it('fails, and does not throw for, a vector that is not even hex', () => {
    const set = copy('rfc3394');
    set.vectors = [
      {id: 'broken', kek: 'zz'},
      {id: 'empty', kek: ''},
    ];
    set.refused = [{id: 'odd', kek: 'abc', wrapped: '', error: 'UNWRAP_FAILED'}];
    expect(checkKnownAnswers(set).map(({ok}) => ok)).to.deep.equal([false, false, false]);
  });
});
