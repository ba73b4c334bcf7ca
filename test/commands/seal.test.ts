/** dek seal and dek unseal, as a user types them. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {expect} from 'chai';
import {seal} from '../../src/seal/envelope.js';
import {sealingKeyOf} from '../../src/seal/sealing-key.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {BytesKek} from '../../src/wrap/kek-handle.js';
import {json, KeyFiles} from '../support/keys/key-files.js';
import {DEK, run, runDek, runDekOnTerminal} from '../support/process/run-dek.js';

const MAX_RSS = new URL('../support/process/max-rss.js', import.meta.url).href;

describe('seal', () => {
  const files = new KeyFiles();
  const data = randomBytes(200_000);
  const key = randomBytes(32);
  const keyFile = `file:${files.write('seal-key', key)}`;
  const keyKcv = Buffer.from(keyCheckValue(key)).toString('hex');
  const plain = files.write('plain', data);
  const sealed = files.path('sealed');
  const withKey = ['--with-key', keyFile];
  const dekSeal = (...args: string[]) => runDek(['seal', plain, '--name', 'disk', ...withKey, ...args]);
  const unseal = (...args: string[]) => runDek(['unseal', sealed, '--name', 'disk', ...withKey, ...args]);
  const first = (stderr: string) => stderr.split('\n')[0];

  before(async () => {
    const {status, stderr} = await dekSeal('--output', sealed);
    expect([status, stderr]).to.deep.equal([0, `sealed 200000 bytes as "disk", with the key with KCV ${keyKcv}\n`]);
  });

  it('gives back what was sealed, to a new file of mode 0600 or to stdout', async () => {
    const output = files.path('unsealed');
    const {status, stderr} = await unseal('--output', output);
    expect([status, stderr]).to.deep.equal([0, 'unsealed 200000 bytes of "disk"\n']);
    expect(fs.readFileSync(output).equals(data)).to.equal(true);
    expect(fs.statSync(output).mode & 0o777).to.equal(0o600);
    expect((await unseal()).stdout.equals(data)).to.equal(true);
  });

  it('streams: from stdin to stdout', async () => {
    const {stdout} = await runDek(['seal', '-', '--name', 'disk', ...withKey], {input: data});
    const {stdout: back, status} = await runDek(['unseal', '-', '--name', 'disk', ...withKey], {input: stdout});
    expect([status, back.equals(data)]).to.deep.equal([0, true]);
  });

  it('prints one object with --json', async () => {
    const output = files.path('sealed-json');
    const made = await dekSeal('--json', '--output', output, '--not-after', '2037-01-31');
    const result = {name: 'disk', notAfter: '2037-01-31T23:59:59Z', bytes: 200_000, keyKcv, output};
    expect(json(made)).to.deep.equal(result);
    const args = ['unseal', output, '--name', 'disk', ...withKey, '--json', '--output', files.path('unsealed-json')];
    expect(json(await runDek(args))).to.deep.equal({...result, output: files.path('unsealed-json')});
  });

  it('has a sealing key of the host, which the first seal makes', async () => {
    const env = {STATE_DIRECTORY: files.path('state')};
    const small = files.write('small', 'a secret');
    const missing = await runDek(['unseal', sealed, '--name', 'disk'], {env});
    expect([missing.status, missing.stdout.length]).to.deep.equal([3, 0]);
    const [one, two] = [files.path('host-1'), files.path('host-2')];
    const made = await runDek(['seal', small, '--name', 'x', '--output', one], {env});
    expect(first(made.stderr)).to.equal(`made ${files.path('state')}/seal.key, the sealing key of this host`);
    expect(fs.statSync(files.path('state/seal.key')).mode & 0o777).to.equal(0o600);
    expect(fs.statSync(files.path('state')).mode & 0o777).to.equal(0o700);
    const again = await runDek(['seal', small, '--name', 'x', '--output', two], {env});
    expect(first(again.stderr)).to.match(/^sealed 8 bytes/);
    for (const file of [one, two]) {
      expect((await runDek(['unseal', file, '--name', 'x'], {env})).stdout.toString()).to.equal('a secret');
    }
  });

  it('says what to do where the key of the host cannot be made', async () => {
    const {status, stderr} = await runDek(['seal', plain, '--name', 'x'], {env: {STATE_DIRECTORY: '/proc/dek'}});
    expect(status).to.equal(1);
    expect(stderr).to.match(/^error: cannot write \/proc\/dek\/seal.key: .*\nhint: name a sealing key of your own/);
  });

  it('does not write an envelope to a terminal', async () => {
    const {status, stdout} = await runDekOnTerminal(['seal', plain, '--name', 'x', '--with-key', keyFile]);
    expect([status, first(stdout.toString())?.trim()]).to.deep.equal([
      2,
      'error: an envelope would go to this terminal',
    ]);
  });

  describe('refuses', () => {
    const torn = () => files.write('torn', fs.readFileSync(sealed).subarray(0, 150_000));
    const old = async () => {
      const chunks: Uint8Array[] = [];
      const nothing = async () => 0;
      const options = {name: 'disk', notAfter: 1_700_000_000};
      for await (const chunk of seal(nothing, sealingKeyOf(new BytesKek(key, 'it')), options))
        chunks.push(chunk.slice());
      return files.write('old', Buffer.concat(chunks));
    };
    for (const [what, path, name, key, status, message] of [
      ['another name', () => sealed, 'boot', keyFile, 6, /was sealed as "disk", not as "boot"$/],
      ['another key', () => sealed, 'disk', files.kek, 6, /was sealed with the key with KCV \w{10}, not with \w{10}$/],
      ['a torn file', torn, 'disk', keyFile, 6, /^error: chunk 3 of "envelope" .* is not what was sealed there$/],
      ['an expired one', old, 'disk', keyFile, 8, /expired on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/],
      ['what is no envelope', () => plain, 'disk', keyFile, 2, /is not an envelope of dek seal$/],
    ] as const) {
      it(`${what}, and leaves no file`, async () => {
        const output = files.path('refused');
        const args = ['unseal', await path(), '--name', name, '--with-key', key, '--output', output];
        const result = await runDek(args);
        expect([result.status, result.stdout.length]).to.deep.equal([status, 0]);
        expect(first(result.stderr)).to.match(message);
        expect(fs.existsSync(output)).to.equal(false);
      });
    }

    it('a name with a line feed', async () => {
      const {status, stderr} = await runDek(['seal', plain, '--name', 'a\nb', ...withKey]);
      expect([status, first(stderr)]).to.deep.equal([
        2,
        'error: "name" expected 1 to 255 bytes without control characters',
      ]);
    });

    it('a key of 16 bytes', async () => {
      const short = `file:${files.write('short', key.subarray(0, 16))}`;
      const {status, stderr} = await runDek(['seal', plain, '--name', 'disk', '--with-key', short]);
      expect(status).to.equal(2);
      expect(first(stderr)).to.match(/^error: "with-key" .* has 16 bytes, expected 32$/);
    });

    it('to write over a file, and replaces it with --force', async () => {
      const output = files.write('there', 'old');
      expect((await unseal('--output', output)).status).to.equal(5);
      expect(fs.readFileSync(output, 'utf8')).to.equal('old');
      expect((await unseal('--output', output, '--force')).status).to.equal(0);
      expect(fs.readFileSync(output).equals(data)).to.equal(true);
    });

    for (const [what, args, message] of [
      ['a day that is over', ['--not-after', '2020-01-01'], '--not-after is in the past'],
      ['a date that is none', ['--not-after', '2027-13-01'], '--not-after expected a day or a time'],
      ['--json without --output', ['--json'], /^$/],
    ] as const) {
      it(what, async () => {
        const {status, stderr} = await runDek(['seal', plain, '--name', 'disk', ...withKey, ...args]);
        expect(status).to.equal(2);
        if (typeof message === 'string') expect(first(stderr)).to.equal(`error: ${message}`);
        else expect(first(stderr)).to.match(message);
      });
    }
  });

  it('takes no more memory for more data', async () => {
    const peakOf = async (mebibytes: number): Promise<number> => {
      const script = `head -c ${mebibytes}M /dev/zero | "$1" --import "$2" "$3" seal - --name x --with-key "$4" |
        "$1" --import "$2" "$3" unseal - --name x --with-key "$4" 3>&4 | cmp - <(head -c ${mebibytes}M /dev/zero) >&2`;
      const args = ['-c', `{ ${script}; } 3> "$5" 4> "$6"`, 'bash', process.execPath, MAX_RSS, DEK, keyFile];
      const peaks = [files.path('peak-seal'), files.path('peak-unseal')];
      const {status, stderr} = await run('bash', [...args, ...peaks], {});
      expect([status, stderr.replaceAll(/^(?:(?:un)?sealed|MiB) .*\n/gm, '')]).to.deep.equal([0, '']);
      return Math.max(...peaks.map((path) => Number(fs.readFileSync(path, 'utf8'))));
    };
    // In KiB. Up to some 64 MiB Node does not collect its buffers.
    expect(await peakOf(224)).to.be.below((await peakOf(96)) + 24 * 1024);
  });
});
