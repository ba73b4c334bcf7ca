import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {readCiphertext, readSecret} from '../../src/custody/source.js';
import {assertDistinctStreams} from '../../src/custody/spec.js';
import {DekError} from '../../src/errors.js';

const KEY = new Uint8Array(32).map((_, i) => 200 - i);
const HEX = Buffer.from(KEY).toString('hex');

/** The DekError of a call, as "CODE message". */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof DekError) return `${error.code} ${error.message}${error.hint ? ` (${error.hint})` : ''}`;
    throw error;
  }
  return 'no error';
}

describe('source', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-source-'));
  const kek = (spec: string) => readSecret(spec, [16, 32], 'kek');

  function file(name: string, content: Uint8Array | string, mode = 0o600): string {
    const path = join(directory, name);
    fs.writeFileSync(path, content);
    fs.chmodSync(path, mode);
    return path;
  }

  const path = file('key', KEY);
  after(() => fs.rmSync(directory, {recursive: true}));

  describe('with a limit', () => {
    const pipe = join(directory, 'limited');
    before(() => void execFileSync('mkfifo', ['-m', '600', pipe]));
    const limited = (spec: string, timeoutMs: number, signal = new AbortController().signal) =>
      readSecret(spec, [16, 32], 'kek', undefined, {timeoutMs, signal});

    it('reads a file, and what is written into a pipe a little later', async () => {
      expect(await limited(`file:${path}`, 5000)).to.deep.equal(KEY);
      const writer = spawn('sh', ['-c', `sleep 0.2; head -c 16 "${path}" > "${pipe}"`]);
      expect(await limited(`file:${pipe}`, 5000)).to.deep.equal(KEY.slice(0, 16));
      expect(writer.exitCode ?? (await once(writer, 'exit'))[0]).to.equal(0);
    });

    it('gives up a pipe that nobody writes, and one whose writer writes nothing', async () => {
      const nothing = `IO "kek" file:${pipe} gave nothing for 0.1 s`;
      expect(await refusal(limited(`file:${pipe}`, 100))).to.equal(nothing);
      const writer = fs.openSync(pipe, 'r+');
      expect(await refusal(limited(`file:${pipe}`, 100))).to.equal(nothing);
      fs.closeSync(writer);
    });

    it('gives up at once when the signal fires', async () => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 50);
      const reading = limited(`file:${pipe}`, 60_000, abort.signal);
      expect(await refusal(reading)).to.equal(`IO "kek" file:${pipe} is not waited for any more: interrupted`);
    });

    it('refuses the same as without', async () => {
      expect(await refusal(limited(`file:${path}-none`, 5000))).to.match(/^NO_INPUT /);
      expect(await refusal(limited(`file:${directory}`, 5000))).to.match(/^BAD_INPUT .* is a directory$/);
      const open = file('open', KEY, 0o644);
      expect(await refusal(limited(`file:${open}`, 5000))).to.match(/^UNSAFE_SECRET /);
    });
  });

  it('reads a file into a buffer of its own', async () => {
    const key = await kek(`file:${path}`);
    expect(key).to.deep.equal(KEY);
    expect(key.buffer.byteLength).to.equal(32);
  });

  for (const [what, text] of [
    ['hex', HEX],
    ['base64', Buffer.from(KEY).toString('base64')],
  ] as const) {
    for (const prefix of ['', 'hex:', 'file:', 'cred:']) {
      it(`does not repeat a key in ${what} that was given as "${prefix}KEY"`, async () => {
        const message = await refusal(readCiphertext(`${prefix}${text}`, [40], 'wrapped'));
        expect(message)
          .to.match(/^(NO_INPUT (cannot read )?|BAD_ARGUMENT )"wrapped" /)
          .and.include('not shown');
        expect(message).to.not.include(text.slice(0, 8));
      });
    }
  }

  it('names a file that is there, whatever it looks like', async () => {
    const path = file('f'.repeat(32), 'x');
    expect(await refusal(kek(`file:${path}`))).to.include(path);
    const before = process.cwd();
    process.chdir(directory);
    try {
      expect(await refusal(readCiphertext('f'.repeat(32), [40], 'wrapped'))).to.include('f'.repeat(32));
    } finally {
      process.chdir(before);
    }
  });

  it('reads a file in hex and in base64', async () => {
    expect(await kek(`file:${file('hex', `${HEX}\n`)}`)).to.deep.equal(KEY);
    expect(await kek(`file:${file('base64', `${Buffer.from(KEY).toString('base64')}\n`)}`)).to.deep.equal(KEY);
  });

  it('follows a symbolic link and checks the mode of what it leads to', async () => {
    fs.symlinkSync(path, join(directory, 'link'));
    expect(await kek(`file:${directory}/link`)).to.deep.equal(KEY);
    fs.symlinkSync(file('open', KEY, 0o604), join(directory, 'link-to-open'));
    expect(await refusal(kek(`file:${directory}/link-to-open`))).to.match(/^UNSAFE_SECRET .*its mode is 0604/);
  });

  for (const mode of [0o400, 0o600, 0o700]) {
    it(`reads a file of mode ${mode.toString(8)}`, async () => {
      expect(await kek(`file:${file(`mode-${mode}`, KEY, mode)}`)).to.deep.equal(KEY);
    });
  }

  for (const mode of [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o666, 0o777]) {
    it(`refuses a file of mode ${mode.toString(8)}, with the chmod`, async () => {
      const path = file(`mode-${mode}`, KEY, mode);
      const elsewhere = 'or, of a secret that is mounted read-only, give it as standard input';
      const expected = `"kek" file:${path} is open to others: its mode is 0${mode.toString(8)}`;
      expect(await refusal(kek(`file:${path}`))).to.equal(
        `UNSAFE_SECRET ${expected} (chmod 600 ${path}; ${elsewhere}: - < ${path})`,
      );
    });
  }

  it('refuses a named pipe that others can read', async () => {
    const pipe = join(directory, 'open-pipe');
    execFileSync('mkfifo', ['-m', '644', pipe]);
    const [outcome] = await Promise.all([
      refusal(kek(`file:${pipe}`)),
      fs.promises.writeFile(pipe, KEY).catch(() => {}),
    ]);
    expect(outcome).to.match(/^UNSAFE_SECRET /);
  });

  it('reads a named pipe, piece by piece', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    const writer = spawn('sh', ['-c', `exec > "$0"; head -c 5 "$1"; sleep 0.1; tail -c +6 "$1"`, pipe, path]);
    expect(await kek(`file:${pipe}`)).to.deep.equal(KEY);
    writer.kill();
  });

  it('reads a descriptor from where it stands, and leaves it open', async () => {
    const fd = fs.openSync(file('with-header', Buffer.concat([Buffer.from('header'), KEY])), 'r');
    fs.readSync(fd, Buffer.alloc(6));
    expect(await kek(`fd:${fd}`)).to.deep.equal(KEY);
    fs.closeSync(fd);
  });

  for (const [what, spec, expected] of [
    [
      'no such file',
      'file:/nonexistent/kek',
      'NO_INPUT cannot read "kek" file:/nonexistent/kek: no such file or directory',
    ],
    ['an empty path', 'file:', 'NO_INPUT cannot read "kek" file:: no such file or directory'],
    [
      'a path through a file',
      'file:/etc/passwd/kek',
      'NO_INPUT cannot read "kek" file:/etc/passwd/kek: not a directory',
    ],
    ['a directory', 'file:/', 'BAD_INPUT "kek" file:/ is a directory'],
    ['a device', 'file:/dev/zero', 'BAD_INPUT "kek" file:/dev/zero is neither a file nor a pipe'],
    ['a path with a NUL', 'file:a\0b', 'BAD_ARGUMENT "kek" file:a\0b is not a path'],
    ['a closed descriptor', 'fd:99999', 'NO_INPUT cannot read "kek" fd:99999: it is not open for reading'],
  ] as const) {
    it(`says so of ${what}`, async () => expect(await refusal(kek(spec))).to.equal(expected));
  }

  it('ends with an error on /dev/zero as a descriptor', async () => {
    const fd = fs.openSync('/dev/zero', 'r');
    expect(await refusal(kek(`fd:${fd}`))).to.equal(
      `BAD_INPUT "kek" fd:${fd} holds more than 1024 bytes, expected 16 or 32`,
    );
    fs.closeSync(fd);
  });

  it('ends with an error on a file of 1 GiB, which it does not read', async () => {
    const path = file('large', '');
    fs.truncateSync(path, 2 ** 30);
    const read = (): number => Number(/^rchar: (\d+)$/m.exec(fs.readFileSync('/proc/self/io', 'latin1'))![1]);
    const before = read();
    expect(await refusal(kek(`file:${path}`))).to.match(/^BAD_INPUT .* holds more than 1024 bytes/);
    expect(read() - before).to.be.below(2 ** 20);
  });

  it('says how many bytes there are and how many were expected', async () => {
    const path = file('24', new Uint8Array(24));
    expect(await refusal(kek(`file:${path}`))).to.equal(
      `BAD_INPUT "kek" file:${path} holds 24 bytes, expected 16 or 32`,
    );
    expect(await refusal(kek(`file:${file('0', '')}`))).to.match(/ is empty, expected 16 or 32$/);
  });

  it('says so of a write-only descriptor', async () => {
    const fd = fs.openSync(path, 'a');
    expect(await refusal(kek(`fd:${fd}`))).to.equal(`NO_INPUT cannot read "kek" fd:${fd}: it is not open for reading`);
    fs.closeSync(fd);
  });

  it('says so of a socket by name', async () => {
    const socket = join(directory, 'socket');
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await refusal(kek(`file:${socket}`))).to.equal(
      `IO cannot read "kek" file:${socket}: no such device or address`,
    );
    server.close();
  });

  describe('what is not a source', () => {
    for (const spec of [HEX, '', 'env:KEK', 'fd:', 'fd:x', 'fd:-1', 'fd:1e1', 'File:k', 'fd:1234567890']) {
      it(`does not repeat "${spec}", which may be a key`, async () => {
        const message = await refusal(kek(spec));
        expect(message).to.match(/^BAD_ARGUMENT "kek" is not a source \(name a source: file:PATH/);
        if (spec.length > 10) expect(message).to.not.include(spec);
      });
    }

    it('hints at file: for a path', async () => {
      expect(await refusal(kek(path))).to.match(/^BAD_ARGUMENT .*for a file write file:\/.*\/key\)$/);
    });
  });

  describe('systemd credentials', () => {
    const before = process.env['CREDENTIALS_DIRECTORY'];
    afterEach(() => {
      if (before === undefined) delete process.env['CREDENTIALS_DIRECTORY'];
      else process.env['CREDENTIALS_DIRECTORY'] = before;
    });

    it('reads one, whatever its mode: systemd grants access by ACL', async () => {
      process.env['CREDENTIALS_DIRECTORY'] = directory;
      file('import-kek', KEY, 0o440);
      expect(await kek('cred:import-kek')).to.deep.equal(KEY);
    });

    it('says so when there is none of that name', async () => {
      process.env['CREDENTIALS_DIRECTORY'] = directory;
      expect(await refusal(kek('cred:nope'))).to.equal(
        'NO_INPUT cannot read "kek" cred:nope: no such file or directory',
      );
    });

    it('says so when there are none at all', async () => {
      delete process.env['CREDENTIALS_DIRECTORY'];
      expect(await refusal(kek('cred:k'))).to.match(
        /^NO_INPUT .*CREDENTIALS_DIRECTORY is not set .*LoadCredential=k:PATH/,
      );
    });

    for (const name of ['', '.', '..', '../key', 'a/b', '/etc/passwd']) {
      it(`refuses the name "${name}"`, async () => {
        process.env['CREDENTIALS_DIRECTORY'] = directory;
        expect(await refusal(kek(`cred:${name}`))).to.match(/^BAD_ARGUMENT .* is not the name of a credential \(/);
      });
    }
  });

  describe('ciphertext', () => {
    const read = (spec: string) => readCiphertext(spec, [40, 48], 'wrapped');

    it('reads a plain path, and a file that others can read', async () => {
      const path = file('wrapped', new Uint8Array(40).fill(9), 0o644);
      expect(await read(path)).to.deep.equal(new Uint8Array(40).fill(9));
      expect(await read(`file:${path}`)).to.deep.equal(new Uint8Array(40).fill(9));
    });

    it('names the path when it is not there', async () => {
      expect(await refusal(read('/nonexistent/data.dek'))).to.equal(
        'NO_INPUT cannot read "wrapped" /nonexistent/data.dek: no such file or directory',
      );
    });
  });

  it('tells two uses of one stream', () => {
    for (const specs of [
      ['-', '-'],
      ['-', 'fd:0'],
      ['fd:3', 'fd:03'],
      ['file:a', 'fd:7', 'fd:7'],
      ['-', 'pkcs11:object=k?module-path=/m.so&pin-source=-'],
      ['kmip://h/1?cert=c&key=fd:3&ca=a', 'fd:3'],
      ['kmip://h/1?cert=fd:4&key=fd:4&ca=a'],
    ]) {
      expect(() => assertDistinctStreams(...specs), specs.join()).to.throw(DekError, 'from one stream');
    }
    for (const specs of [
      ['-', 'fd:3'],
      ['file:a', 'file:a'],
      ['-'],
      [undefined, undefined, '-'],
      ['cred:a', 'cred:a'],
      ['-', 'pkcs11:object=k?module-path=/m.so&pin-source=fd:3'],
      ['-', 'file:x?key=-'],
    ]) {
      expect(() => assertDistinctStreams(...specs), specs.join()).to.not.throw();
    }
  });
});
