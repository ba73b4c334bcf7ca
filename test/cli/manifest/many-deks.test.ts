/** A crew at work for a command; what it does with many DEKs is tested in test/bulk and by the commands. */
import {expect} from 'chai';
import {withCrew} from '../../../src/cli/manifest/many-deks.js';
import {DekError} from '../../../src/errors.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

describe('withCrew', () => {
  it('gives the last count, of whatever part of the work', async () => {
    const work = withCrew([], false, async (_crew, count) => {
      for (const deks of [1, 5, 9]) await count('wrapped', 9)(deks);
      await count('verified', 9)(7);
    });
    expect(await work).to.equal(7);
  });

  it('gives 0 when nothing was counted', async () => {
    expect(await withCrew([], false, async () => {})).to.equal(0);
  });

  it('throws what the work throws', async () => {
    const error = new DekError('BUSY', 'of the work');
    expect(await thrownBy(() => withCrew([], false, () => Promise.reject(error)))).to.equal(error);
  });
});
