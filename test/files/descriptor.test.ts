import fs from 'node:fs';
import {expect} from 'chai';
import {writeDescriptor} from '../../src/files/descriptor.js';
import {refusalOf} from '../support/process/errors-thrown.js';

const KEY = new Uint8Array(40).map((_, i) => i);

describe('descriptor', () => {
  it('refuses the /dev/null that Node opens for a closed standard output, and takes that of a shell', async () => {
    for (const [flags, outcome] of [
      ['r+', 'IO cannot write standard output: it is closed, or /dev/null open for reading too'],
      ['w', 'no error'],
    ] as const) {
      const fd = fs.openSync('/dev/null', flags);
      expect(await refusalOf(writeDescriptor(fd, KEY, 'standard output'))).to.equal(outcome);
      fs.closeSync(fd);
    }
  });

  it('says so when the disk is full', async () => {
    const fd = fs.openSync('/dev/full', 'w');
    expect(await refusalOf(writeDescriptor(fd, KEY, 'standard output'))).to.equal(
      'IO cannot write standard output: no space left on device',
    );
    fs.closeSync(fd);
  });
});
