import fs from 'node:fs';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {writeDescriptor} from '../../src/files/descriptor.js';

const KEY = new Uint8Array(40).map((_, i) => i);

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof DekError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('descriptor', () => {
  it('refuses the /dev/null that Node opens for a closed standard output, and takes that of a shell', async () => {
    for (const [flags, outcome] of [
      ['r+', 'IO cannot write standard output: it is closed, or /dev/null open for reading too'],
      ['w', 'no error'],
    ] as const) {
      const fd = fs.openSync('/dev/null', flags);
      expect(await refusal(writeDescriptor(fd, KEY, 'standard output'))).to.equal(outcome);
      fs.closeSync(fd);
    }
  });

  it('says so when the disk is full', async () => {
    const fd = fs.openSync('/dev/full', 'w');
    expect(await refusal(writeDescriptor(fd, KEY, 'standard output'))).to.equal(
      'IO cannot write standard output: no space left on device',
    );
    fs.closeSync(fd);
  });
});
