import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {readKeys} from '../../../src/custody/key-stream.js';
import {readSecret, withSecretDescriptor, withSecretStream} from '../../../src/custody/source.js';
import {DekError} from '../../../src/errors.js';
import {DEK, runDek} from '../../support/process/run-dek.js';
import {skipWithout} from '../../support/skip.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const KEY = new Uint8Array(32).map((_, i) => 200 - i);

describe('a command as a source', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'kek');
  before(() => fs.writeFileSync(path, KEY, {mode: 0o600}));
  after(() => fs.rmSync(directory, {recursive: true}));

  const limit = (timeoutMs: number, signal = new AbortController().signal) => ({timeoutMs, signal});
  const read = (line: string, timeoutMs = 20_000, signal?: AbortSignal): Promise<Uint8Array> =>
    readSecret(`cmd:${line}`, [16, 32], 'kek', undefined, limit(timeoutMs, signal));
  const refusal = async (call: Promise<unknown>): Promise<string> => {
    const error = await call.then(
      () => 'none',
      (error: unknown) => error,
    );
    return error instanceof DekError ? `${error.code} ${error.message}` : `${error}`;
  };
  /** The processes that have this word among their arguments. */
  const running = (word: string): string[] =>
    fs.readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
      try {
        const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return line.split('\0').includes(word) && !line.includes('dek.cjs');
      } catch {
        return false;
      }
    });

  it('gives what it prints, raw or in hex', async () => {
    expect(await read(`cat ${path}`)).to.deep.equal(KEY);
    expect(await read(`sh -c 'od -An -v -tx1 "$0"' "${path}"`)).to.deep.equal(KEY);
  });

  it('has an empty standard input, and no descriptor of ours but its three', async () => {
    const fd = fs.openSync(path, 'r');
    const script = "cat; for fd in /proc/self/fd/*; do case $(readlink $fd) in *kek*) exit 9;; esac; done; cat '$1'";
    expect(await read(`sh -c "${script.replace('$1', path)}"`)).to.deep.equal(KEY);
    fs.closeSync(fd);
  });

  for (const [line, expected] of [
    ['false', 'IO "kek" cmd:false exited with 1'],
    [`sh -c "cat ${'PATH'}; exit 7"`, 'IO "kek" cmd:sh exited with 7'],
    ['sh -c "kill -9 $$"', 'IO "kek" cmd:sh was ended by SIGKILL'],
    ['true', 'BAD_INPUT "kek" cmd:true is empty, expected 16 or 32'],
    ['no-such-program -x', 'NO_INPUT cannot run "kek" cmd:no-such-program: no such program'],
    ['/dev/null', 'PERMISSION cannot run "kek" cmd:/dev/null: EACCES'],
    ['cat /dev/zero', 'BAD_INPUT "kek" cmd:cat holds more than 1024 bytes, expected 16 or 32'],
    ['echo 0102', 'BAD_INPUT "kek" cmd:echo holds 2 bytes in hex, expected 16 or 32'],
    ['', 'BAD_ARGUMENT "kek" is not a source'],
    ['"" x', 'BAD_ARGUMENT "kek" is not a source'],
    ['cat "', 'BAD_ARGUMENT "kek" cmd: has a quote without its end'],
    [
      Buffer.from(KEY).toString('hex'),
      'NO_INPUT cannot run "kek" cmd:(64 characters, not shown: they may be a key): no such program',
    ],
  ] as const) {
    it(`says what is wrong with ${JSON.stringify(line.slice(0, 30))}`, async () => {
      expect(await refusal(read(line.replace('PATH', path)))).to.equal(expected);
    });
  }

  it('is ended at the limit, with all that it has started', async () => {
    const line = "sh -c 'sleep 7301 & sleep 7301'";
    expect(await refusal(read(line, 300))).to.equal('IO "kek" cmd:sh gave nothing for 0.3 s');
    await until(() => running('7301').length === 0);
  });

  it('is ended at the limit also when it has closed its output, or does not heed SIGTERM', async () => {
    const line = `sh -c 'trap "" TERM; cat ${path}; exec >&-; while :; do sleep 0.02; done; : 7302'`;
    expect(await refusal(read(line, 300))).to.equal('IO "kek" cmd:sh gave nothing for 0.3 s');
    await until(() => running('7302').length === 0);
  });

  it('is ended when nobody waits any more', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    expect(await refusal(read('sleep 7303', 20_000, abort.signal))).to.equal(
      'IO "kek" cmd:sleep is not waited for any more: interrupted',
    );
    await until(() => running('7303').length === 0);
  });

  it('may give a stream of keys, whose last one counts only when it has ended well', async () => {
    const keysOf = (line: string): Promise<number> =>
      withSecretStream(`cmd:${line}`, 'keys', async (read, name) => {
        let bytes = 0;
        for await (const keys of readKeys(read, 32, name, 'raw')) bytes += keys.length;
        return bytes;
      });
    expect(await keysOf('head -c 3200000 /dev/zero')).to.equal(3_200_000);
    expect(await refusal(keysOf('sh -c "head -c 320 /dev/zero; exit 1"'))).to.equal('IO "keys" cmd:sh exited with 1');
  });

  it('is over before another process gets what it gave', async () => {
    const given = await withSecretDescriptor(`cmd:cat ${path}`, 72, 'key', async (fd) =>
      fs.readFileSync(`/proc/${process.pid}/fd/${fd}`),
    );
    expect(new Uint8Array(given)).to.deep.equal(KEY);
    const call = withSecretDescriptor(`cmd:sh -c "cat ${path}; exit 1"`, 72, 'key', async () => {});
    expect(await refusal(call)).to.equal('IO "key" cmd:sh exited with 1');
  });

  it('is read also by a process that cannot be traced, as an agent, of a user who is not root', function () {
    skipWithout('root', this);
    const module = (name: string): string => JSON.stringify(new URL(`../../../src/${name}`, import.meta.url).href);
    // Another user may not see where this clone is: what is needed is loaded before, by a first key.
    const script = [
      `import {forbidDumps} from ${module('agent/host/ffi.js')};`,
      `import {readSecret} from ${module('custody/source.js')};`,
      "const read = () => readSecret('cmd:echo 000102030405060708090a0b0c0d0e0f', [16], 'kek');",
      'await read();',
      'process.setgroups([]); process.setgid(65534); process.setuid(65534); forbidDumps();',
      'console.log((await read()).join());',
    ].join('\n');
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {cwd: '/'});
    expect(printed.toString()).to.equal('0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n');
  });

  describe('of a command of ours', () => {
    const credential = join(directory, 'credential');
    before(() => fs.writeFileSync(credential, new Uint8Array(40), {mode: 0o600}));
    const wrap = ['credential', 'wrap', `file:${credential}`, '--format', 'hex', '--kek'];

    it('says on our standard error what it has to say', async () => {
      const {status, stderr, stdout} = await runDek([...wrap, 'cmd:sh -c "echo touch the token >&2; exit 4"']);
      expect(status).to.equal(1);
      expect(stdout.length).to.equal(0);
      expect(stderr).to.match(/^touch the token\nerror: "kek" cmd:sh exited with 4\nhint: /);
    });

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      it(`does not stay when ${signal} ends it`, async () => {
        const mark = `73${signal.length}${signal.charCodeAt(3)}`;
        const child = spawn(process.execPath, [DEK, ...wrap, `cmd:sleep ${mark}`], {stdio: 'ignore'});
        await until(() => running(mark).length === 1);
        child.kill(signal);
        expect((await once(child, 'exit'))[1]).to.equal(signal);
        await until(() => running(mark).length === 0);
      });
    }
  });
});
