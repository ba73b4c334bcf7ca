/**
 * An update of a rollback index that is killed before each of its system calls, by a real SIGKILL: before those that
 * reach outside of the process, which is the same, and with SLOW=1 before each.
 */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {READ_LIMIT} from '../../src/files/small-file.js';
import {RollbackIndex} from '../../src/rollback-index/rollback-index.js';
import {openStore} from '../../src/rollback-index/table.js';
import {SoftTpm} from '../support/keys/swtpm.js';
import {compileProgram} from '../support/process/compile.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const UPDATE = fileURLToPath(new URL('./update-main.js', import.meta.url));
const ID = new Uint8Array(16).fill(7);
const digestOf = (generation: number): Uint8Array => new Uint8Array(32).fill(generation & 0xff);
const WHICH = process.env['SLOW'] ? 'all:' : '';
/** The status of kill-before.c. */
const KILLED = 0;
const ENDED = 1;

describe('an update of a rollback index that is killed', function () {
  this.timeout(600_000);
  const directory = temporaryDirectory();
  let killBefore: string;
  let tpm: SoftTpm | undefined;

  before(async () => {
    killBefore = compileProgram('rollback-index/kill-before.c');
    tpm = await SoftTpm.start();
  });
  after(async () => {
    await tpm?.stop();
    fs.rmSync(directory, {recursive: true});
  });

  /** Updates to `generation`, killed before call `at`; tells whether it was killed, and of how many calls. */
  function update(spec: string, generation: number, at: number): {killed: boolean; calls: number} {
    const id = Buffer.from(ID).toString('hex');
    const command = [process.execPath, UPDATE, spec, id, `${generation}`];
    const {status, stdout} = spawnSync(killBefore, [`${WHICH}${at}`, ...command], {encoding: 'utf8'});
    expect(status).to.be.oneOf([KILLED, ENDED]);
    return {killed: status === KILLED, calls: Number(stdout)};
  }

  const stores: Readonly<Record<string, () => string>> = {
    'file:': () => `file:${join(directory, 'index')}`,
    'tpm:': () => tpm!.index(),
  };
  for (const [kind, specOf] of Object.entries(stores)) {
    it(`has the old generation or the new one, and goes on by itself: ${kind}`, async () => {
      const spec = specOf();
      const index = new RollbackIndex(await openStore(spec));
      let now = 1;
      await index.enroll({id: ID, generation: now, digest: digestOf(now)}, false, READ_LIMIT);
      const seen = new Set<string>();
      for (let at = 1; ; at++) {
        const {killed, calls} = update(spec, now + 1, at);
        const {generation, digest} = await index.known(ID, READ_LIMIT);
        expect(generation).to.be.oneOf(killed ? [now, now + 1] : [now + 1]);
        expect(digest).to.deep.equal(digestOf(generation));
        seen.add(`${killed ? 'killed' : 'whole'}: ${generation === now ? 'old' : 'new'}`);
        now = generation;
        if (killed) continue;
        // It came to its end: all calls have had their turn.
        expect(calls)
          .to.be.above(5)
          .and.below(at + 1);
        break;
      }
      expect(seen).to.deep.equal(new Set(['killed: old', 'killed: new', 'whole: new']));
    });
  }
});
