/** What `dek rpmb` refuses before it has a memory to talk to; test/vm/tests/rpmb.sh has the rest, on QEMU's eMMC. */
import {expect} from 'chai';
import {runDek} from '../support/process/run-dek.js';

const NODE = '/dev/mmcblk250rpmb';

describe('dek rpmb', () => {
  for (const [what, args, status, words] of [
    ['info of no device', ['info', NODE], 3, /no such file or directory\nhint: an eMMC has it as/],
    ['info of another node', ['info', '/dev/null'], 2, /\/dev\/null is no RPMB of an eMMC/],
    ['info of a file', ['info', import.meta.filename], 2, /is no RPMB/],
    ['info of a directory', ['info', '/tmp'], 2, /\/tmp is no RPMB/],
    ['program without a key', ['program', '/dev/null', '--yes'], 2, /./],
    ['write of nothing', ['write', NODE, '--key', 'file:/x'], 2, /give either FILE or --frames/],
    ['write of both', ['write', NODE, '/x', '--frames', '/x'], 2, /give either FILE or --frames/],
    ['frames and a key', ['read', NODE, '--frames', '/x', '--key', 'file:/x'], 2, /exclude each other/],
    ['an output of a write', ['write', NODE, '/x', '--output', '/x'], 2, /--output goes with --frames/],
    ['a negative address', ['read', NODE, '--address', '-1'], 2, /at least 0/],
    ['one stream for two', ['write', NODE, '-', '--key', '-'], 2, /one stream/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const {status: got, stderr} = await runDek(['rpmb', ...args]);
      expect(stderr).to.match(words);
      expect(got).to.equal(status);
    });
  }
});
