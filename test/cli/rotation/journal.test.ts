import fs from 'node:fs';
import {expect} from 'chai';
import {holdRotation, journalOf} from '../../../src/cli/rotation/journal.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

describe('the journal of a rotation', () => {
  let directory: string;

  before(() => {
    directory = temporaryDirectory();
  });
  after(() => fs.rmSync(directory, {recursive: true}));

  it('is one, and its lock too, by whatever link the manifest is named', () => {
    const [manifest, link] = [`${directory}/manifest`, `${directory}/link`];
    fs.writeFileSync(manifest, '');
    fs.symlinkSync('manifest', link);
    expect(journalOf(link)).to.equal(journalOf(manifest));
    const lock = holdRotation(manifest);
    try {
      expect(() => holdRotation(link))
        .to.throw('another rotation')
        .with.property('code', 'BUSY');
    } finally {
      lock.release();
    }
  });

  it('is named by the words of a manifest that is not there', () => {
    expect(journalOf('/nowhere/manifest')).to.equal('/nowhere/manifest.rotation');
  });
});
