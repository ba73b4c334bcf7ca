/** keygen, wrap and unwrap on manifests, and manifest check. */
import fs from 'node:fs';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {dcvHints, dekCheckValue} from '../../src/wrap/dcv/dcv.js';
import {unwrapDek} from '../../src/wrap/dek-keys.js';
import {unwrapKey, wrapKey} from '../../src/wrap/kw.js';
import {json, KCV, KEK, plaintextOf} from '../support/keys/key-files.js';
import {ManifestFiles, OTHER_KCV} from '../support/manifest/manifest-files.js';
import {base64, dekLine, headerLine, readAll, text} from '../support/manifest/manifest-text.js';
import {runDek, runDekOnTerminal} from '../support/process/run-dek.js';

describe('keygen into a manifest', () => {
  const files = new ManifestFiles();
  const {kek} = files;

  it('makes a manifest on stdout', async () => {
    const args = ['--count', '12', '--name', 'vol-%05d', '--size', '256', '--keytag', '--device', 'mlx5_0,mlx5_1'];
    const {status, stdout, stderr} = await runDek([
      'keygen',
      ...args,
      '--kek',
      kek,
      ...files.header,
      '--opaque',
      'fleet',
    ]);
    expect(stderr).to.equal(`made 12 256-bit DEKs with keytag, wrapped under the KEK with KCV ${KCV}\n`);
    expect(status).to.equal(0);
    const {
      header: {edition, ...header},
      deks,
    } = await readAll(stdout);
    expect(edition).to.include({generation: 1, notAfter: null, nextLogin: null});
    expect(Math.abs(Date.parse(edition!.issued) - Date.now())).to.be.below(60_000);
    expect([edition!.id.length, edition!.hosts]).to.deep.equal([16, []]);
    expect(header).to.deep.equal({
      devices: ['mlx5_0', 'mlx5_1'],
      importKekKcv: new Uint8Array(Buffer.from(KCV, 'hex')),
      login: {importKekId: 0x20, credentialId: 0x10, credential: new Uint8Array(fs.readFileSync(files.credential))},
    });
    const names = Array.from({length: 12}, (_, i) => `vol-${`${i + 1}`.padStart(5, '0')}`);
    expect(deks.map((dek) => dek.name)).to.deep.equal(names);
    expect(Buffer.from(deks[11]!.opaque).toString()).to.equal('fleet');
    const tags = deks.map((dek) => Buffer.from(unwrapDek(KEK, dek.wrapped).keytag!).toString('hex'));
    expect(new Set(tags).size).to.equal(12);
    expect(deks.map(({keytagValue}) => toHex(keytagValue!))).to.deep.equal(tags);
    for (const {dcv, dcvHints: hints, wrapped} of deks) {
      const key = unwrapKey(KEK, wrapped);
      expect([dcv, hints]).to.deep.equal([dekCheckValue(key), dcvHints(key)]);
    }
  });

  it('makes the four kinds, with numbers from --first on, into a file of mode 0600', async () => {
    for (const [size, tag, bytes] of [
      ['128', [], 40],
      ['128', ['--keytag-value', '0123456789abcdef'], 48],
      ['256', [], 72],
      ['256', ['--keytag'], 80],
    ] as [string, string[], number][]) {
      const output = files.path(`kind-${bytes}`);
      const args = [
        '--count',
        '2',
        '--first',
        '9',
        '--name',
        'a%db',
        '--size',
        size,
        ...tag,
        '--no-login',
        '-o',
        output,
      ];
      const result = await runDek(['keygen', '--kek', kek, ...args, '--json']);
      const keytag = tag.length > 0;
      expect(json(result)).to.deep.equal({deks: 2, keySize: Number(size), keytag, kekKcv: KCV, output});
      const {header, deks} = await readAll(fs.readFileSync(output));
      expect(header.login).to.equal(null);
      expect(deks.map(({name, wrapped}) => [name, wrapped.length])).to.deep.equal([
        ['a9b', bytes],
        ['a10b', bytes],
      ]);
      expect(fs.statSync(output).mode & 0o777).to.equal(0o600);
    }
  });

  it('adds to a manifest, keeping its lines and its mode', async () => {
    const manifest = await files.make('grows', 2);
    fs.chmodSync(manifest, 0o644);
    const before = fs.readFileSync(manifest, 'utf8');
    const {status, stderr} = await runDek(['keygen', '--manifest', manifest, '--name', 'extra', '--kek', kek]);
    expect(stderr).to.equal(`made 1 256-bit DEK without keytag, wrapped under the KEK with KCV ${KCV}\n`);
    expect(status).to.equal(0);
    const after = fs.readFileSync(manifest, 'utf8');
    expect(after.slice(after.indexOf('\n'), before.length)).to.equal(before.slice(before.indexOf('\n')));
    const [was, is] = [before, after].map((text) => JSON.parse(text.slice(0, text.indexOf('\n'))));
    expect([is.id, is.generation]).to.deep.equal([was.id, was.generation + 1]);
    expect((await readAll(after)).deks.map((dek) => dek.name)).to.deep.equal(['vol-1', 'vol-2', 'extra']);
    expect(fs.statSync(manifest).mode & 0o777).to.equal(0o644);
  });

  it('replaces no file unless forced, and leaves none behind', async () => {
    const manifest = await files.make('there', 1);
    const before = fs.readFileSync(manifest);
    const args = ['keygen', '--name', 'x', '--kek', kek, '--no-login', '--output', manifest];
    const {status, stderr} = await runDek(args);
    expect([status, stderr.split('\n')[0]]).to.deep.equal([5, `error: ${manifest} exists`]);
    expect(fs.readFileSync(manifest)).to.deep.equal(before);
    expect((await runDek([...args, '--force'])).status).to.equal(0);
    expect(fs.readdirSync(files.directory).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
  });

  it('shows its progress on a terminal only', async () => {
    const output = files.path('many');
    const args = ['keygen', '--count', '100000', '--name', 'v%d', '--kek', kek, '--no-login', '-o', output, '--force'];
    const terminal = await runDekOnTerminal(args);
    expect(terminal.stdout.toString()).to.match(/\r\[#*\.*\] made \d+ of 100000, \d+\/s, \d+ s left *\r/);
    // Elsewhere a line follows each five seconds, which it takes on a busy machine only.
    expect((await runDek(args)).stderr).to.match(
      /^(made \d+ of 100000, .*\n)*made 100000 256-bit DEKs without keytag.*\n$/,
    );
  });

  const refusals: [title: string, args: string[], status: number, message: RegExp][] = [
    ['--count without a name', ['--count', '2'], 2, /--count requires --name/],
    ['a header that is not said', ['--name', 'x'], 2, /a new manifest needs --import-kek-id, --credential-id and /],
    ['half a header', ['--name', 'x', '--import-kek-id', '1'], 2, /a new manifest needs /],
    [
      'a header for an old manifest',
      ['--name', 'x', '--manifest', 'm', '--import-kek-id', '1'],
      2,
      /--import-kek-id and --manifest exclude each other/,
    ],
    ['several of one name', ['--name', 'x', '--count', '2', '--no-login'], 2, /"name" expected a pattern with one %d/],
    ['two numbers', ['--name', '%d-%d', '--count', '2', '--no-login'], 2, /"name" expected a pattern with one %d/],
    ['%s', ['--name', 'v%s', '--no-login'], 2, /"name" expected a pattern with one %d/],
    ['a name that is none', ['--name', 'a/%d', '--no-login'], 2, /"a\/1" cannot name a DEK/],
    [
      'a name that gets too long',
      ['--name', `${'x'.repeat(127)}%d`, '--count', '10', '--no-login'],
      2,
      /cannot name a/,
    ],
    ['a count of 0', ['--name', 'v%d', '--count', '0', '--no-login'], 2, /--count expected at least 1, got "0"/],
    ['a device that is none', ['--name', 'x', '--no-login', '--device', 'a b'], 2, /line 1: device: expected names/],
    ['a format', ['--name', 'x', '--no-login', '--format', 'hex'], 2, /--format and --name exclude each other/],
    [
      'a manifest that is not there',
      ['--name', 'x', '--manifest', '/nonexistent/m'],
      3,
      /\/m: no such file or directory/,
    ],
    ['a directory', ['--name', 'x', '--manifest', files.directory], 2, /is not a regular file/],
  ];
  for (const [title, args, status, message] of refusals) {
    it(`refuses ${title}`, async () => {
      const result = await runDek(['keygen', '--kek', kek, ...args]);
      expect([result.status, result.stdout.toString()]).to.deep.equal([status, '']);
      expect(result.stderr).to.match(/^error: /);
      expect(result.stderr).to.match(message);
    });
  }

  it('refuses --json without a file, and a credential that another KEK wrapped', async () => {
    const asJson = await runDek(['keygen', '--kek', kek, '--name', 'x', '--no-login', '--json']);
    expect([asJson.status, json(asJson)]).to.deep.equal([
      2,
      {error: {code: 'BAD_ARGUMENT', message: 'a manifest is not part of --json', hint: 'write it to --output FILE'}},
    ]);
    const wrong = await runDek(['keygen', '--kek', files.otherKek, '--name', 'x', ...files.header]);
    expect([wrong.status, wrong.stdout.length]).to.deep.equal([6, 0]);
  });
});

describe('wrap and unwrap on a manifest', () => {
  const files = new ManifestFiles();
  const {kek} = files;
  const plaintext = plaintextOf(128, true);
  const dek = `file:${files.write('dek', plaintext)}`;
  let manifest: string;
  before(async () => {
    manifest = await files.make('manifest', 2);
  });

  it('wraps a DEK into it, and reveals it again', async () => {
    const args = ['wrap', dek, '--kek', kek, '--manifest', manifest, '--name', 'given', '--opaque', 'hex:00ff'];
    const result = await runDek([...args, '--json']);
    const wrapped = Buffer.from(wrapKey(KEK, plaintext)).toString('hex');
    const marks = {dcv: '0a6368b0ec732e07f57240d580d04565', dcvHints: '16ac83dd4cd3'};
    expect(json(result)).to.deep.equal({keySize: 128, keytag: true, ...marks, wrapped, kekKcv: KCV, output: manifest});
    const entry = (await readAll(fs.readFileSync(manifest))).deks.at(-1)!;
    expect([entry.line, entry.name, [...entry.opaque]]).to.deep.equal([4, 'given', [0, 255]]);
    expect([toHex(entry.dcv!), toHex(entry.dcvHints!)]).to.deep.equal([marks.dcv, marks.dcvHints]);
    expect(toHex(entry.keytagValue!)).to.equal(plaintext.subarray(-8).toString('hex'));
    const unwrap = ['unwrap', '--manifest', manifest, '--name', 'given', '--kek', kek];
    const what = `128-bit DEK with keytag, wrapped under the KEK with KCV ${KCV}\n`;
    expect((await runDek(unwrap)).stdout.toString()).to.equal(`ok: ${what}`);
    const revealed = await runDek([...unwrap, '--reveal']);
    expect([revealed.stdout, revealed.stderr]).to.deep.equal([plaintext, `revealed: ${what}`]);
  });

  for (const [title, args, status, message] of [
    ['a name that it has', ['--name', 'vol-2'], 5, 'vol-2 is in the manifest, in line 3'],
    ['a key that it has', ['--name', 'again'], 2, 'line 5: wrapped: stands in line 4 already'],
    ['a name that is none', ['--name', '-x'], 2, '"-x" cannot name a DEK'],
  ] as [string, string[], number, string][]) {
    it(`wrap refuses ${title}, and the manifest stays`, async () => {
      const before = fs.readFileSync(manifest);
      const result = await runDek(['wrap', dek, '--kek', kek, '--manifest', manifest, ...args]);
      expect([result.status, result.stderr.split('\n')[0]]).to.deep.equal([status, `error: ${message}`]);
      expect(fs.readFileSync(manifest)).to.deep.equal(before);
    });
  }

  it('wrap refuses another KEK than that of the manifest', async () => {
    const args = ['wrap', dek, '--kek', files.otherKek, '--manifest', manifest, '--name', 'x'];
    const {status, stderr} = await runDek(args);
    expect([status, stderr.split('\n')[0]]).to.deep.equal([
      6,
      `error: "kek" has KCV ${OTHER_KCV}, and the manifest was wrapped under KCV ${KCV}`,
    ]);
  });

  const ONE = 'name a file with a wrapped DEK, or give --manifest';
  for (const [title, args, status, message] of [
    ['a name that is not there', ['--manifest', 'M', '--name', 'vol-9'], 3, 'M has no DEK named "vol-9"'],
    ['a name without a manifest', ['--name', 'vol-1'], 2, '--name requires --manifest'],
    ['a file and a manifest', ['FILE', '--manifest', 'M', '--name', 'vol-1'], 2, ONE],
    ['nothing', [], 2, ONE],
  ] as [string, string[], number, string][]) {
    it(`unwrap refuses ${title}`, async () => {
      const given = args.map((arg) => (arg === 'M' ? manifest : arg));
      const {status: is, stderr} = await runDek(['unwrap', ...given, '--kek', kek]);
      expect([is, stderr.split('\n')[0]]).to.deep.equal([status, `error: ${message.replace(/\bM\b/, manifest)}`]);
    });
  }
});

describe('manifest check', () => {
  const files = new ManifestFiles();
  const {kek} = files;
  let manifest: string;
  before(async () => {
    manifest = await files.make('manifest', 3);
  });
  /** The manifest with the first byte of the wrapped bytes in some lines altered. */
  const altered = (...lines: number[]): string => {
    const all = fs.readFileSync(manifest, 'utf8').split('\n');
    for (const line of lines) all[line - 1] = flip(all[line - 1]!);
    return files.write('altered', all.join('\n'));
  };

  it('verifies without a KEK, from a file and from stdin', async () => {
    const expected = `ok: 3 DEKs, wrapped under the KEK with KCV ${KCV}\n`;
    const fromFile = await runDek(['manifest', 'check', manifest]);
    expect([fromFile.status, fromFile.stdout.toString(), fromFile.stderr]).to.deep.equal([0, expected, '']);
    const fromStdin = await runDek(['manifest', 'check', '-'], {input: fs.readFileSync(manifest)});
    expect([fromStdin.status, fromStdin.stdout.toString()]).to.deep.equal([0, expected]);
  });

  it('unwraps each with --kek', async () => {
    const {status, stdout} = await runDek(['manifest', 'check', manifest, '--kek', kek]);
    expect([status, stdout.toString()]).to.deep.equal([0, `ok: 3 DEKs, each unwraps under the KEK with KCV ${KCV}\n`]);
  });

  it('prints one object with --json', async () => {
    const facts = {unmarked: 0, version: 2, devices: [], importKekId: 0x20, importKekKcv: KCV, credentialId: 0x10};
    const ok = await runDek(['manifest', 'check', manifest, '--kek', kek, '--json']);
    const {edition, ...rest} = json(ok) as {edition: object};
    expect(rest).to.deep.equal({deks: 3, ...facts, unwrapped: true, faultCount: 0, faults: []});
    expect(edition).to.have.all.keys('id', 'generation', 'issued', 'hosts', 'notAfter', 'nextLogin');
    const bad = await runDek(['manifest', 'check', altered(1, 3), '--kek', kek, '--json']);
    expect(bad.status).to.equal(6);
    expect(json(bad)).to.deep.equal({
      deks: 2,
      ...facts,
      edition,
      unwrapped: true,
      faultCount: 2,
      faults: [
        {line: 1, code: 'UNWRAP_FAILED', message: 'line 1: wrappedCredential: integrity check failed'},
        {line: 3, code: 'UNWRAP_FAILED', message: 'line 3: wrapped: integrity check failed'},
      ],
    });
  });

  it('reads a file that goes on with a hole of a TiB up to there', async () => {
    const holey = altered();
    fs.truncateSync(holey, 2 ** 40);
    const {status, stdout} = await runDek(['manifest', 'check', holey]);
    expect([status, stdout.toString().split('\n')[0]]).to.deep.equal([2, 'line 5: is longer than 4096 bytes']);
  });

  it('lists what does not unwrap, and exits 6', async () => {
    const {status, stdout} = await runDek(['manifest', 'check', altered(2, 4), '--kek', kek]);
    expect([status, stdout.toString()]).to.deep.equal([
      6,
      'line 2: wrapped: integrity check failed\nline 4: wrapped: integrity check failed\n' +
        `2 lines at fault: 1 DEK, each unwraps under the KEK with KCV ${KCV}\n`,
    ]);
  });

  it('notices equal keys, and exits 2 when a line is malformed as well', async () => {
    const equal = Buffer.from(wrapKey(KEK, Buffer.alloc(64, 5))).toString('base64');
    const noLogin = {importKekId: undefined, credentialId: undefined, wrappedCredential: undefined};
    const header = headerLine({importKekKcv: KCV, ...noLogin});
    const deks = [dekLine(1, {keytag: false, wrapped: equal}), dekLine(2, {wrapped: base64(48)})];
    const one = await runDek(['manifest', 'check', '-', '--kek', kek], {input: text(header, deks[0]!)});
    expect(one.stdout.toString().split('\n')[0]).to.equal('line 2: wrapped: whole, but key1 equals key2');
    expect(one.status).to.equal(8);
    const both = await runDek(['manifest', 'check', '-', '--kek', kek], {input: text(header, ...deks.toReversed())});
    expect([both.status, both.stdout.toString().split('\n').slice(0, 2)]).to.deep.equal([
      2,
      [
        'line 2: wrapped: expected 80 bytes for a 256-bit key with keytag, got 48',
        'line 3: wrapped: whole, but key1 equals key2',
      ],
    ]);
  });

  it('exits 6 when one does not unwrap and another has equal keys', async () => {
    const header = headerLine({
      importKekKcv: KCV,
      importKekId: undefined,
      credentialId: undefined,
      wrappedCredential: undefined,
    });
    const equal = Buffer.from(wrapKey(KEK, Buffer.alloc(64, 5))).toString('base64');
    const deks = [dekLine(1, {keytag: false, wrapped: equal}), dekLine(2, {keytag: false, wrapped: base64(72)})];
    for (const order of [deks, deks.toReversed()]) {
      const {status} = await runDek(['manifest', 'check', '-', '--kek', kek], {input: text(header, ...order)});
      expect(status).to.equal(6);
    }
  });

  it('lists a hundred faults and counts the rest', async () => {
    const lines = Array.from({length: 150}, (_, i) => dekLine(i, {keySize: 7}));
    const {status, stdout} = await runDek(['manifest', 'check', '-'], {input: text(headerLine(), ...lines)});
    const shown = stdout.toString().trimEnd().split('\n');
    expect([status, shown.length, shown[0], shown[99], shown[100]]).to.deep.equal([
      2,
      102,
      'line 2: keySize: expected 128 or 256, got 7',
      'line 101: keySize: expected 128 or 256, got 7',
      'and 50 more',
    ]);
  });

  it('lists a torn last line after the other faults', async () => {
    const input = text(headerLine(), dekLine(1), '{}', dekLine(2)).slice(0, -9);
    const {status, stdout} = await runDek(['manifest', 'check', '-'], {input});
    expect([status, stdout.toString()]).to.deep.equal([
      2,
      'line 3: name: missing\nline 4: ends without a line feed\n' +
        '2 lines at fault: 1 DEK, wrapped under the KEK with KCV 0123456789\n',
    ]);
  });

  it('stops at another KEK before it unwraps anything', async () => {
    const {status, stdout, stderr} = await runDek(['manifest', 'check', altered(2), '--kek', files.otherKek]);
    expect([status, stdout.toString(), stderr]).to.deep.equal([
      6,
      '',
      `error: "kek" has KCV ${OTHER_KCV}, and the manifest was wrapped under KCV ${KCV}\n` +
        'hint: give the import KEK that wrapped this manifest\n',
    ]);
  });

  const ONCE = 'two inputs come from one stream, which can be read only once';
  for (const [title, args, input, status, message] of [
    [
      'a bad header',
      ['-'],
      text(dekLine(1)),
      2,
      'line 1: expected the header, an object with the member "dek-manifest"',
    ],
    ['nothing', ['-'], '', 2, 'the manifest is empty: not even a header is there'],
    ['a file that is not there', ['/nonexistent/m'], '', 3, 'cannot read /nonexistent/m: no such file or directory'],
    ['manifest and KEK from one stream', ['-', '--kek', '-'], '', 2, ONCE],
  ] as [string, string[], string, number, string][]) {
    it(`refuses ${title}`, async () => {
      const result = await runDek(['manifest', 'check', ...args], {input});
      expect([result.status, result.stderr.split('\n')[0]]).to.deep.equal([status, `error: ${message}`]);
    });
  }
});

/** A line with another first digit in what is wrapped. */
function flip(line: string): string {
  return line.replace(/("wrapped(?:Credential)?":")(.)/, (_, key, digit) => key + (digit === 'A' ? 'B' : 'A'));
}
