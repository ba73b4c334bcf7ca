import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {splitCommandLine} from '../../../src/custody/sources/command-line.js';
import {DekError} from '../../../src/errors.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const LINES: readonly (readonly [line: string, words: readonly string[]])[] = [
  ['', []],
  ['  two   spaces\tand  ', ['two', 'spaces', 'and']],
  ['--decrypt kek.age', ['--decrypt', 'kek.age']],
  ['-c "a b" \'c d\'', ['-c', 'a b', 'c d']],
  ['"" \'\'', ['', '']],
  ['a"b c"d', ['ab cd']],
  [`"it's" 'say "yes"'`, ["it's", 'say "yes"']],
  ['a\\sb \\x41\\102\\u00e9\\U0001F511', ['a b', 'AB\u00e9\u{1f511}']],
  ['"\\a\\b\\f\\n\\r\\t\\v" \'\\\\\' \\" \\\'', ['\x07\b\f\n\r\t\v', '\\', '"', "'"]],
  ['\\q "\\x4" \\x00 \\U00110000 \\400', ['\\q', '\\x4', '\\x00', '\\U00110000', '\\400']],
  ['$HOME ~ * > < | &', ['$HOME', '~', '*', '>', '<', '|', '&']],
  ['-exec x \\; y', ['-exec', 'x', ';', 'y']],
  ['a; b;c', ['a;', 'b;c']],
  ['-c "a ; b" ";"', ['-c', 'a ; b', ';']],
];

const REFUSED: readonly (readonly [line: string, message: string])[] = [
  ['cat "kek', 'has a quote without its end'],
  ["cat 'kek", 'has a quote without its end'],
  ['cat kek\\', 'ends with a backslash'],
  ['a ; b', 'has more than one command'],
  ['a ;', 'has more than one command'],
];

describe('command line', () => {
  for (const [line, words] of LINES) {
    it(`splits ${JSON.stringify(line)}`, () => expect(splitCommandLine(line, 'cmd:')).to.deep.equal(words));
  }

  for (const [line, message] of REFUSED) {
    it(`refuses ${JSON.stringify(line)}, without repeating it`, () => {
      expect(() => splitCommandLine(line, 'cmd:')).to.throw(DekError, `cmd: ${message}`);
    });
  }

  it('is split as systemd does it', () => {
    const directory = temporaryDirectory();
    try {
      const units = LINES.map((_, i) => `t${i}.service`);
      for (const [i, [line]] of LINES.entries()) {
        fs.writeFileSync(join(directory, units[i]!), `[Service]\nType=oneshot\nExecStart=/bin/true ${line}\n`);
      }
      fs.writeFileSync(join(directory, 'all.target'), `[Unit]\nWants=${units.join(' ')}\n`);
      const found = commandLines(directory);
      expect(LINES.map((_, i) => found.get(`t${i}.service`))).to.deep.equal(
        LINES.map(([, words]) => ['/bin/true', ...words]),
      );
    } finally {
      fs.rmSync(directory, {recursive: true});
    }
  });
});

/** What systemd, which only looks at the units and starts none, says of their commands. */
function commandLines(directory: string): Map<string, string[]> {
  fs.chmodSync(directory, 0o777);
  const user = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env'];
  const [program, ...args] = [...user, '/lib/systemd/systemd', '--test', '--user', '--unit=all.target'];
  const env = {PATH: process.env['PATH'], SYSTEMD_UNIT_PATH: directory, XDG_RUNTIME_DIR: directory, HOME: directory};
  const {stdout} = spawnSync(program!, args, {env, encoding: 'utf8'});
  const found = new Map<string, string[]>();
  let unit = '';
  for (const line of stdout.split('\n')) {
    unit = /^\s*-> Unit (t\d+\.service):/.exec(line)?.[1] ?? unit;
    const [, words] = /^\s*Command Line: (.*)$/.exec(line) ?? [];
    if (words !== undefined) found.set(unit, unquoted(words));
  }
  return found;
}

/** The words of a line that systemd has quoted for a shell. */
function unquoted(line: string): string[] {
  const escapes: Record<string, string> = {a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v'};
  return (line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, (_, c: string) => escapes[c] ?? c) : word,
  );
}
