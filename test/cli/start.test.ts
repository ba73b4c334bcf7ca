/**
 * What the words after `dek` lead to before a command runs, and how the process ends when its output cannot be written.
 */
import {spawnSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../support/temporary-directory.js';

const DEK = fileURLToPath(new URL('../../../bin/dek.cjs', import.meta.url));

/** Runs `dek WORDS` into a pipe whose reader ends at once; `2>&1` can be one of the words. */
function runUnread(words: string): {status: number; stderr: string} {
  const script = `"$0" "$1" ${words} | :; exit "\${PIPESTATUS[0]}"`;
  const {status, stderr} = spawnSync('bash', ['-c', script, process.execPath, DEK], {encoding: 'utf8'});
  return {status: status!, stderr};
}

describe('start', () => {
  for (const [words, status, message] of [
    ['list --socket /nonexistent', 3, 'no agent listens on /nonexistent'],
    ['lits', 2, 'command lits not found'],
    ['virtual show nic', 3, 'the working directory was removed'],
  ] as const) {
    it(`answers dek ${words} from a directory that was removed`, () => {
      const directory = temporaryDirectory();
      const script = `cd "$2" && rmdir "$2" && exec "$0" "$1" ${words}`;
      const result = spawnSync('sh', ['-c', script, process.execPath, DEK, directory], {encoding: 'utf8'});
      expect(result.status).to.equal(status);
      expect(result.stderr).to.match(new RegExp(`^error: ${message}\\nhint: .*\\n$`));
    });
  }

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

  for (const words of ['selftest', '--help', '--version', 'selftest --json', 'list --socket /nonexistent --json']) {
    it(`says in one line that what dek ${words} prints cannot be written`, () => {
      const script = `"$0" "$1" ${words} > /dev/full`;
      const {status, stderr} = spawnSync('sh', ['-c', script, process.execPath, DEK], {encoding: 'utf8'});
      expect([status, stderr]).to.deep.equal([1, 'error: cannot write to standard output: ENOSPC\n']);
    });
  }

  for (const word of ['', ' ', 'device list', 'virtual create']) {
    it(`takes the one word "${word}" for no command`, () => {
      const {status, stderr} = spawnSync(process.execPath, [DEK, word, 'x'], {encoding: 'utf8'});
      expect([status, stderr]).to.deep.equal([2, `error: command "${word}" not found\nhint: see: dek --help\n`]);
    });
  }

  const KEY = '00112233445566778899aabbccddeeff';
  for (const [words, error, hint] of [
    ['list extra', 'unexpected argument: extra', 'dek list --help'],
    ['device list extra --json', 'unexpected argument: extra', 'dek device list --help'],
    ['virtual create a b', 'unexpected argument: b', 'dek virtual create --help'],
    ['lits', 'command lits not found', 'did you mean dek list?'],
    ['xyzzy', 'command xyzzy not found', 'dek --help'],
    ['officr kek', 'command officr not found', 'did you mean dek officer?'],
    ['officer kek lits', 'command officer kek lits not found', 'did you mean dek officer kek list?'],
    ['virtual lits', 'command virtual lits not found', 'dek virtual --help'],
    ['virtual lits --help', 'command virtual lits not found', 'dek virtual --help'],
    ['help lits', 'command lits not found', 'did you mean dek list?'],
    ['--json list', 'command --json not found', 'dek --help'],
    ['help virtual lits', 'command virtual lits not found', 'dek virtual --help'],
    [`keygen ${KEY}`, 'unexpected argument: (32 characters, not shown: they may be a key)', 'dek keygen --help'],
    [KEY, 'command (32 characters, not shown: they may be a key) not found', 'dek --help'],
    [`create a b ${KEY}`, 'unexpected argument: (32 characters, not shown: they may be a key)', 'dek create --help'],
    [
      `keygen --size=${KEY}`,
      /^--size expected 128 or 256, got "\(32 characters, not shown: .*\)"$/,
      'dek keygen --help',
    ],
    [`login --credential-id ${KEY}`, /^--credential-id expected an id .*, got "\(32 characters, /, undefined],
  ] as const) {
    it(`answers dek ${words}`, () => {
      const {status, stdout, stderr} = runDek(words);
      expect(status).to.equal(2);
      const shown = words.includes('--json') ? asText(stdout) : stderr;
      const [, message = '', next] = /^error: (.*)\n(?:hint: (?:see: )?(.*)\n)?$/.exec(shown) ?? [];
      if (typeof error === 'string') expect(message, shown).to.equal(error);
      else expect(message, shown).to.match(error);
      if (hint !== undefined) expect(next).to.equal(hint);
      expect(shown).to.not.include(KEY.slice(0, 8));
    });
  }

  for (const [words, like] of [
    ['help', '--help'],
    ['-h', '--help'],
    ['help list', 'list --help'],
    ['list -h', 'list --help'],
    ['help virtual', 'virtual --help'],
    ['help virtual create', 'virtual create --help'],
    ['help run -- nothing', 'run --help'],
    ['virtual', 'virtual --help'],
    ['list extra --help', 'list --help'],
    ['--help list', 'list --help'],
    ['-v', '--version'],
    ['rollback-index', 'rollback-index --help'],
    ['help hardware-report', 'hardware-report --help'],
    ['rollback-index enroll -h', 'rollback-index enroll --help'],
  ] as const) {
    it(`answers dek ${words} as dek ${like}`, () => {
      const [actual, expected] = [runDek(words), runDek(like)];
      expect(expected.stdout).to.match(/USAGE|^mlx5-dek\//);
      expect(actual).to.deep.equal({...expected, status: 0});
    });
  }
});

describe('a report that has nowhere to go', () => {
  const shell = (script: string) => {
    const {status, stderr} = spawnSync('sh', ['-c', script, process.execPath, DEK], {encoding: 'utf8'});
    return {status, first: stderr.split('\n')[0]};
  };

  for (const [where, message] of [
    ['>&-', 'error: cannot write standard output: it is closed, or /dev/null open for reading too'],
    ['> /dev/full', 'error: cannot write to standard output: ENOSPC'],
    ['1< /dev/null', 'error: cannot write to standard output: EBADF'],
  ] as const) {
    it(`fails with --json ${where}`, () => {
      expect(shell(`"$0" "$1" selftest --json ${where}`)).to.deep.equal({status: 1, first: message});
    });
  }

  it('keeps the exit status where that is all that is wanted', () => {
    expect(shell('"$0" "$1" selftest > /dev/null').status).to.equal(0);
    expect(shell('"$0" "$1" selftest --json > /dev/null').status).to.equal(0);
    expect(shell('"$0" "$1" query a b --json >&-')).to.deep.equal({status: 2, first: 'error: unexpected argument: b'});
  });
});

function runDek(words: string): {status: number | null; stdout: string; stderr: string} {
  const {status, stdout, stderr} = spawnSync(process.execPath, [DEK, ...words.split(' ')], {encoding: 'utf8'});
  return {status, stdout, stderr};
}

/** An error in JSON as it stands without `--json`. */
function asText(json: string): string {
  const {message, hint} = JSON.parse(json).error;
  return `error: ${message}\nhint: ${hint}\n`;
}
