import {Flags, Parser} from '@oclif/core';
import {expect} from 'chai';
import {parseId} from '../../../src/cli/flags/flags.js';
import {printError} from '../../../src/cli/output/print-error.js';
import {DekError} from '../../../src/errors.js';

interface Printed {
  stdout: string;
  stderr: string;
  status: typeof process.exitCode;
}

/** What `printError` prints of `error`, and the exit status that it sets. */
function printed(error: unknown, options: {json?: boolean; command?: string; debug?: boolean} = {}): Printed {
  const {json = false, command = 'dek create', debug = false} = options;
  const [stdoutWrite, stderrWrite, exitCode] = [process.stdout.write, process.stderr.write, process.exitCode];
  const debugBefore = process.env['DEK_DEBUG'];
  const result: Printed = {stdout: '', stderr: '', status: undefined};
  const keep = (stream: 'stdout' | 'stderr') => (text: unknown) => {
    result[stream] += text;
    return true;
  };
  process.stdout.write = keep('stdout');
  process.stderr.write = keep('stderr');
  if (debug) process.env['DEK_DEBUG'] = '1';
  else delete process.env['DEK_DEBUG'];
  try {
    printError(error, {json, command});
    return {...result, status: process.exitCode};
  } finally {
    process.stdout.write = stdoutWrite;
    process.stderr.write = stderrWrite;
    process.exitCode = exitCode;
    if (debugBefore === undefined) delete process.env['DEK_DEBUG'];
    else process.env['DEK_DEBUG'] = debugBefore;
  }
}

/** The error that oclif throws when it parses `argv`. */
async function parseError(argv: string[]): Promise<unknown> {
  const id = Flags.custom<number>({parse: async (text) => parseId(text, '--id')})();
  try {
    await Parser.parse(argv, {flags: {id, name: Flags.string({required: true})}});
  } catch (error) {
    return error;
  }
  throw new Error('it parsed');
}

function failSomewhere(): never {
  throw new TypeError('x is not a function');
}

function foreignError(): unknown {
  try {
    failSomewhere();
  } catch (error) {
    return error;
  }
}

describe('print-error', () => {
  const cause = new Error('of the inside');
  const refused = new DekError('REFUSED', 'the NIC refused it', {hint: 'try another', errno: 'EINVAL', cause});

  it('prints an error of ours with its hint, without its cause and stack', () => {
    expect(printed(refused)).to.deep.equal({
      stdout: '',
      stderr: 'error: the NIC refused it\nhint: try another\n',
      status: 4,
    });
    expect(printed(new DekError('BUSY', 'busy'))).to.deep.equal({stdout: '', stderr: 'error: busy\n', status: 5});
  });

  it('prints it as JSON on stdout', () => {
    const {stdout, stderr, status} = printed(refused, {json: true});
    expect(JSON.parse(stdout)).to.deep.equal({
      error: {code: 'REFUSED', message: 'the NIC refused it', hint: 'try another', errno: 'EINVAL'},
    });
    expect([stderr, status]).to.deep.equal(['', 4]);
    const {stdout: plain} = printed(new DekError('NO_DEK', 'none'), {json: true});
    expect(JSON.parse(plain)).to.deep.equal({error: {code: 'NO_DEK', message: 'none'}});
  });

  it('prints where it happened with DEK_DEBUG', () => {
    const {stderr} = printed(refused, {debug: true});
    expect(stderr)
      .to.match(/^error: the NIC refused it\nhint: try another\n/)
      .and.match(/\n {4}at .*print-error\.test\./);
  });

  for (const [what, argv, message] of [
    ['an unknown flag', ['--name', 'x', '--other', 'y'], /^unknown option: --other$/],
    ['a missing flag', [], /^missing option: --name$/],
    ['an argument too many', ['--name', 'x', 'y'], /^unexpected argument: y$/],
    ['a flag without its value', ['--name'], /^option --name requires a value$/],
  ] as const) {
    it(`takes ${what} for a mistake of the user`, async () => {
      const {stdout, status} = printed(await parseError([...argv]), {json: true});
      const {error} = JSON.parse(stdout);
      expect([error.code, error.hint, status]).to.deep.equal(['BAD_ARGUMENT', 'see: dek create --help', 2]);
      expect(error.message).to.match(message);
    });
  }

  it('names the help of the command after a mistake that has no better next step', () => {
    const wrong = (hint?: string) => printed(new DekError('BAD_ARGUMENT', 'wrong', {hint})).stderr;
    expect(wrong()).to.equal('error: wrong\nhint: see: dek create --help\n');
    expect(wrong('do it so')).to.equal('error: wrong\nhint: do it so\n');
  });

  it('says what is wrong with the value of a flag, without words of oclif', async () => {
    const {stderr, status} = printed(await parseError(['--name', 'x', '--id', 'y']));
    expect(stderr).to.match(/^error: --id expected an id from 0 to 0xffffff, got "y"\n(hint: .*\n)?$/);
    expect(status).to.equal(2);
  });

  it('prints no control characters, and begins no line with what a message holds', () => {
    const name = 'm\x1b[31m\nDEKs: 1000 READY\u202e';
    const {stderr} = printed(new DekError('NO_INPUT', `cannot read ${name}`, {hint: `chmod 600 ${name}`}));
    const shown = 'm\\x1b[31m\\nDEKs: 1000 READY\\u202e';
    expect(stderr).to.equal(`error: cannot read ${shown}\nhint: chmod 600 ${shown}\n`);
    const json = printed(new DekError('NO_INPUT', name), {json: true}).stdout;
    expect([...'\x1b\u202e'].filter((control) => json.includes(control))).to.deep.equal([]);
    expect(JSON.parse(json).error.message).to.equal(name);
  });

  it('repeats no word that may be a key, but the paths of files', () => {
    const key = Buffer.from('00112233445566778899aabbccddeeff').toString('base64');
    const error = new DekError('NO_DEK', `no "${key}" at ${process.cwd()}/${key}`, {hint: `try ${key}`});
    for (const options of [{}, {json: true}, {debug: true}]) {
      const {stdout, stderr} = printed(error, options);
      expect(stdout + stderr)
        .to.include('not shown')
        .and.not.include(key);
    }
    const file = process.execPath;
    expect(printed(new DekError('IO', `cannot read ${file}`)).stderr).to.equal(`error: cannot read ${file}\n`);
  });

  it('calls any other error a defect, without its stack', () => {
    const {stdout, stderr, status} = printed(foreignError());
    expect(stderr).to.match(/^error: x is not a function\nhint: this is a defect; DEK_DEBUG=1 .*\n$/);
    expect([stdout, status]).to.deep.equal(['', 1]);
    expect(JSON.parse(printed(foreignError(), {json: true}).stdout).error).to.have.all.keys('code', 'message', 'hint');
    expect(printed('only a string').stderr).to.match(/^error: only a string\nhint: /);
  });

  it('prints where any other error happened with DEK_DEBUG', () => {
    expect(printed(foreignError(), {debug: true}).stderr).to.match(/\n {4}at failSomewhere /);
  });
});
