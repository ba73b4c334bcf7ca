import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {type HeldLock, holdLock, tryHold} from '../../src/files/lock.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const nobodyElse = async (): Promise<void> => {};

describe('lock', () => {
  let directory: string;
  let path: string;
  let held: HeldLock[];
  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory, 'lock');
    held = [];
  });
  afterEach(() => {
    for (const lock of held) lock.release();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  async function hold(): Promise<HeldLock> {
    const lock = await holdLock(path, nobodyElse);
    held.push(lock);
    return lock;
  }

  it('is a file that only its owner can open, and is gone after it', async () => {
    fs.chmodSync(directory, 0o777);
    const lock = await hold();
    expect((fs.statSync(path).mode & 0o777).toString(8)).to.equal('600');
    held.pop();
    lock.release();
    expect(fs.readdirSync(directory)).to.deep.equal([]);
  });

  it('is held by one', async () => {
    await hold();
    expect(tryHold(path)).to.equal(undefined);
    let asked = 0;
    const error = await thrownBy(() =>
      holdLock(path, async () => {
        asked++;
        throw new DekError('EXISTS', 'enough');
      }),
    );
    expect([error.message, asked]).to.deep.equal(['enough', 1]);
  });

  it('is not that of a file which was removed', async () => {
    const lock = await hold();
    fs.unlinkSync(path);
    expect(lock.isInPlace()).to.equal(false);
    await hold();
  });

  it('ends with its process', async () => {
    const module = new URL('../../src/files/lock.js', import.meta.url).href;
    const script = `
      const {holdLock} = await import(process.argv[1]);
      await holdLock(process.argv[2], async () => {});
      process.kill(process.pid, 'SIGKILL');
    `;
    await once(spawn(process.execPath, ['--input-type=module', '-e', script, module, path]), 'exit');
    expect(fs.existsSync(path)).to.equal(true);
    await hold();
  });

  for (const [what, make] of [
    ['a file that others can open', () => fs.writeFileSync(path, '', {mode: 0o644})],
    ['a link', () => fs.symlinkSync('/etc/passwd', path)],
    ['a directory', () => fs.mkdirSync(path)],
  ] as const) {
    it(`is not taken of ${what}`, async () => {
      make();
      const error = await thrownBy(hold);
      expect(error.code).to.equal('EXISTS');
      expect(error.hint).to.equal(`remove ${path}`);
    });
  }
});
