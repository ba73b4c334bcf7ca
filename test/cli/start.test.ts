/** How the process ends when nobody reads what it prints. */
import {spawnSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';

const DEK = fileURLToPath(new URL('../../../bin/dek.js', import.meta.url));

/** Runs `dek WORDS` into a pipe whose reader ends at once; `2>&1` can be one of the words. */
function runUnread(words: string): {status: number; stderr: string} {
  const script = `"$0" "$1" ${words} | :; exit "\${PIPESTATUS[0]}"`;
  const {status, stderr} = spawnSync('bash', ['-c', script, process.execPath, DEK], {encoding: 'utf8'});
  return {status: status!, stderr};
}

describe('start', function () {
  this.timeout(60_000);

  for (const [words, status] of [
    ['--help', 0],
    ['--version', 0],
    ['selftest', 0],
    ['selftest --json', 0],
    ['list --socket /nonexistent', 3],
    ['list --socket /nonexistent --json', 3],
    ['list --socket /nonexistent 2>&1', 3],
    ['lits --json', 2],
    ['lits 2>&1', 2],
  ] as const) {
    it(`ends quietly with its own exit status when the reader of dek ${words} is gone`, () => {
      const result = runUnread(words);
      expect(result.status).to.equal(status);
      expect(result.stderr).to.match(/^(error: .*\n(hint: .*\n)?)?$/);
    });
  }
});
