/** What the memory of a command has of a KEK while it wraps. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {needlesOfKek, searchDuring} from '../support/process/search-during.js';
import {skipWithout} from '../support/skip.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('during a job', () => {
  const directory = temporaryDirectory();
  const kek = new Uint8Array(randomBytes(32));
  const file = join(directory, 'kek');
  before(function () {
    skipWithout('root', this);
    fs.writeFileSync(file, kek, {mode: 0o600});
  });
  after(() => fs.rmSync(directory, {recursive: true}));

  it('root finds the schedule of a KEK that came to the process, which begins with the KEK', async () => {
    const needles = needlesOfKek(kek);
    const keys = randomBytes(72 * 40_000);
    const args = ['wrap', '-', '--size', '256', '--keytag', '--kek', `file:${file}`];
    const found = await searchDuring(args, keys, Object.values(needles), 100);
    expect([...found].sort()).to.deep.equal(['KEK', 'key schedule']);
  });
});
