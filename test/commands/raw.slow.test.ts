/** dek wrap and dek unwrap on raw streams of many DEKs, and on whole manifests. */
import {spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {buffer} from 'node:stream/consumers';
import {expect} from 'chai';
import {DEK_LAYOUTS, unwrapDek, wrapKey} from '../../src/wrap/index.js';
import {json, KCV, KEK} from '../support/keys/key-files.js';
import {ManifestFiles} from '../support/manifest/manifest-files.js';
import {readAll} from '../support/manifest/manifest-text.js';
import {DEK, type Run, runDek, runDekOnTerminal} from '../support/process/run-dek.js';
import {until} from '../support/until.js';

/** More than a crew does without threads: 64 pieces of 256 KiB. */
const MANY = 400_000;

describe('raw streams', () => {
  const files = new ManifestFiles();
  const {kek} = files;
  const unfinished = (): string[] => fs.readdirSync(files.directory).filter((name) => name.endsWith('.tmp'));
  const keys = randomBytes(64 * MANY);
  const keyFile = `file:${files.write('keys', keys)}`;
  const wrapArgs = (...args: string[]): string[] => ['wrap', keyFile, '--size', '256', '--kek', kek, ...args];
  afterEach(() => expect(unfinished()).to.deep.equal([]));

  for (const {keySize, keytag, plaintextBytes, wrappedBytes} of DEK_LAYOUTS) {
    it(`wraps DEKs of ${plaintextBytes} bytes as one by one, and gives them back`, async () => {
      const size = ['--size', `${keySize}`, ...(keytag ? ['--keytag'] : []), '--kek', kek];
      const input = randomBytes(plaintextBytes * 10);
      const wrapped = await runDek(['wrap', '-', ...size], {input});
      const expected = Array.from({length: 10}, (_, i) =>
        wrapKey(KEK, input.subarray(i * plaintextBytes, (i + 1) * plaintextBytes)),
      );
      expect([wrapped.status, wrapped.stderr]).to.deep.equal([
        0,
        `wrapped 10 ${keySize}-bit DEKs ${keytag ? 'with' : 'without'} keytag under the KEK with KCV ${KCV}\n`,
      ]);
      expect(wrapped.stdout).to.deep.equal(Buffer.concat(expected));
      const verified = await runDek(['unwrap', '-', ...size], {input: wrapped.stdout});
      expect(verified.stdout.toString()).to.equal(`ok: 10 DEKs, wrapped under the KEK with KCV ${KCV}\n`);
      const revealed = await runDek(['unwrap', '-', ...size, '--reveal'], {input: wrapped.stdout});
      expect(revealed.stdout).to.deep.equal(input);
      const torn = await runDek(['unwrap', '-', ...size], {input: wrapped.stdout.subarray(1)});
      expect([torn.status, torn.stderr.split('\n')[0]]).to.deep.equal([
        2,
        `error: "wrapped" standard input holds ${10 * wrappedBytes - 1} bytes, ` + `not a multiple of ${wrappedBytes}`,
      ]);
    });
  }

  it('goes through files and threads and comes back the same, with --json', async () => {
    const [wrapped, revealed] = [files.path('wrapped'), files.path('revealed')];
    const there = await runDek(wrapArgs('--output', wrapped, '--json'));
    expect(json(there)).to.deep.equal({deks: MANY, keySize: 256, keytag: false, kekKcv: KCV, output: wrapped});
    expect(there.stderr).to.equal('');
    const back = await runDek(['unwrap', wrapped, '--size', '256', '--kek', kek, '--reveal', '--output', revealed]);
    expect([back.status, back.stderr]).to.deep.equal([
      0,
      `revealed: ${MANY} DEKs, wrapped under the KEK with KCV ${KCV}\n`,
    ]);
    expect(fs.readFileSync(revealed).equals(keys)).to.equal(true);
    expect(fs.statSync(revealed).mode & 0o777).to.equal(0o600);
    const verified = await runDek(['unwrap', wrapped, '--size', '256', '--kek', kek, '--json']);
    expect(json(verified)).to.deep.equal({verified: true, deks: MANY, kekKcv: KCV});
  });

  it('takes a stream in odd chunks, from a slow writer, to a slow reader', async () => {
    const child = spawn(process.execPath, [DEK, 'wrap', '-', '--size', '256', '--kek', kek]);
    const whole = buffer(
      (async function* () {
        for await (const chunk of child.stdout) {
          if (Math.random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 5));
          yield chunk as Buffer;
        }
      })(),
    );
    for (let at = 0; at < keys.length; at += 99_991) {
      if (!child.stdin.write(keys.subarray(at, at + 99_991))) {
        await new Promise((resolve) => child.stdin.once('drain', resolve));
      }
    }
    child.stdin.end();
    const wrapped = await whole;
    expect(wrapped.length).to.equal(72 * MANY);
    for (const i of [0, 1, 50_000, MANY - 1]) {
      const expected = Buffer.from(wrapKey(KEK, keys.subarray(64 * i, 64 * (i + 1))));
      expect(wrapped.subarray(72 * i, 72 * (i + 1))).to.deep.equal(expected);
    }
  });

  it('adds them to a manifest under numbered names', async () => {
    const manifest = await files.make('grows', 2);
    const input = keys.subarray(0, 64 * 5000);
    const args = ['wrap', '-', '--size', '256', '--kek', kek, '--manifest', manifest, '--name', 'new-%03d'];
    const result = await runDek([...args, '--first', '9', '--opaque', 'x', '--json'], {input});
    expect(json(result)).to.deep.equal({deks: 5000, keySize: 256, keytag: false, kekKcv: KCV, output: manifest});
    const {deks} = await readAll(fs.readFileSync(manifest));
    expect([deks.length, deks[2]!.name, deks.at(-1)!.name]).to.deep.equal([5002, 'new-009', 'new-5008']);
    const {key1, key2} = unwrapDek(KEK, Uint8Array.from(deks.at(-1)!.wrapped));
    expect(Buffer.concat([key1, key2])).to.deep.equal(input.subarray(-64));
    const mixed = await runDek(['unwrap', '--manifest', manifest, '--kek', kek, '--reveal']);
    expect([mixed.status, mixed.stdout.length, mixed.stderr.split('\n')[0]]).to.deep.equal([
      2,
      0,
      `error: the DEKs of ${manifest} are not all of one size, with or without keytag`,
    ]);
    const verified = await runDek(['unwrap', '--manifest', manifest, '--kek', kek]);
    expect(verified.stdout.toString()).to.equal(`ok: 5002 DEKs, wrapped under the KEK with KCV ${KCV}\n`);
    const again = await runDek([...args, '--first', '5008'], {input: randomBytes(64)});
    expect([again.status, again.stderr.split('\n')[0]]).to.deep.equal([
      5,
      'error: new-5008 is in the manifest, in line 5003',
    ]);
  });

  it('reveals a whole manifest', async () => {
    const manifest = await files.make('whole', 3);
    const {deks} = await readAll(fs.readFileSync(manifest));
    const {stdout} = await runDek(['unwrap', '--manifest', manifest, '--kek', kek, '--reveal']);
    const plaintexts = deks.map(({wrapped}) => {
      const {key1, key2, keytag} = unwrapDek(KEK, Uint8Array.from(wrapped));
      return Buffer.concat([key1, key2, keytag!]);
    });
    expect(stdout).to.deep.equal(Buffer.concat(plaintexts));
  });

  const equalAt = (position: number): Buffer => {
    const altered = Buffer.from(keys);
    altered.copy(altered, 64 * position + 32, 64 * position, 64 * position + 32);
    return altered;
  };
  const gone = files.path('gone');
  for (const [title, run, status, message] of [
    [
      'equal keys, by their position',
      () => runDek(['wrap', '-', '--size', '256', '--kek', kek, '--output', gone], {input: equalAt(90_001)}),
      8,
      `DEK 90001, at byte ${64 * 90_001}: key1 and key2 are equal`,
    ],
    [
      'a part of a key at the end',
      () => runDek(['wrap', '-', '--size', '256', '--kek', kek, '--output', gone], {input: keys.subarray(1)}),
      2,
      `"plaintext" standard input holds ${keys.length - 1} bytes, not a multiple of 64`,
    ],
    [
      'nothing',
      () => runDek(['wrap', '-', '--size', '256', '--kek', kek, '--output', gone], {input: ''}),
      2,
      '"plaintext" standard input is empty',
    ],
    [
      'what another KEK wrapped',
      () =>
        runDek(['unwrap', '-', '--size', '256', '--kek', kek, '--reveal', '--output', gone], {
          input: keys.subarray(0, 720),
        }),
      6,
      'DEK 0, at byte 0: integrity check failed',
    ],
    ['--json without a file', () => runDek(wrapArgs('--json')), 2, 'a stream of wrapped DEKs is not part of --json'],
    ['one name for several', () => runDek(wrapArgs('--manifest', files.credential, '--name', 'x')), 2, 'line 1: '],
    [
      'a keytag without a size',
      () => runDek(['wrap', keyFile, '--kek', kek, '--keytag']),
      2,
      '--keytag requires --size',
    ],
  ] as [string, () => Promise<Run>, number, string][]) {
    it(`refuses ${title}, and leaves no file`, async () => {
      const result = await run();
      const said = result.stderr === '' ? JSON.parse(result.stdout.toString()).error.message : result.stderr;
      expect(result.status).to.equal(status);
      expect(said).to.include(message);
      expect(fs.existsSync(gone)).to.equal(false);
    });
  }

  it('does not write raw bytes to a terminal', async () => {
    const {status, stdout} = await runDekOnTerminal(wrapArgs());
    expect(status).to.equal(2);
    expect(stdout.toString()).to.match(/^error: a stream of wrapped DEKs would go to this terminal\r\nhint: /);
  });

  it('leaves no key behind when SIGTERM comes while it reveals', async () => {
    const [wrapped, output] = [files.path('wrapped-2'), files.path('revealed-2')];
    await runDek(wrapArgs('--output', wrapped));
    const reader = spawn(process.execPath, [
      DEK,
      'unwrap',
      '-',
      '--size',
      '256',
      '--kek',
      kek,
      '--reveal',
      '-o',
      output,
    ]);
    const ended = new Promise((resolve) => reader.once('exit', (_, signal) => resolve(signal)));
    reader.stdin.on('error', () => {});
    reader.stdin.write(fs.readFileSync(wrapped).subarray(0, 72 * 50_000));
    await until(() => fs.existsSync(output) && fs.statSync(output).size > 0);
    reader.kill('SIGTERM'); // while it waits for more
    expect(await ended).to.equal('SIGTERM');
    expect(fs.existsSync(output)).to.equal(false);
  });
});
