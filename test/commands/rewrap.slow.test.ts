import {spawn} from 'node:child_process';
import fs from 'node:fs';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {unwrapCredential} from '../../src/wrap/credential.js';
import {unwrapKey, wrapKey} from '../../src/wrap/kw.js';
import {json, KCV, KEK} from '../support/keys/key-files.js';
import {CREDENTIAL, ManifestFiles, OTHER_KCV, OTHER_KEK} from '../support/manifest/manifest-files.js';
import {readAll} from '../support/manifest/manifest-text.js';
import {DEK, type Run, runDek} from '../support/process/run-dek.js';
import {until} from '../support/until.js';

/** DEKs of the manifest: enough for threads. */
const COUNT = 80_000;

/** The plaintext of each DEK of a manifest. */
async function plaintexts(manifest: Uint8Array, kek: Uint8Array): Promise<string[]> {
  return (await readAll(manifest)).deks.map(({wrapped}) => toHex(unwrapKey(kek, wrapped)));
}

const NO_MARKS = {keytagValue: undefined, dcv: undefined, dcvHints: undefined};

/** A manifest without the instant at which it was written. */
function sinceIssued(manifest: Buffer): Buffer {
  const end = manifest.indexOf('\n');
  const header = JSON.parse(manifest.subarray(0, end).toString());
  return Buffer.concat([Buffer.from(JSON.stringify({...header, issued: ''})), manifest.subarray(end)]);
}

describe('rewrap', () => {
  const files = new ManifestFiles();
  const {kek, otherKek} = files;
  const manifest = files.path('manifest');
  let before = Buffer.alloc(0);
  const rewrap = (...args: string[]): Promise<Run> =>
    runDek(['rewrap', manifest, '--from', kek, '--to', otherKek, ...args]);
  const unfinished = (): string[] => fs.readdirSync(files.directory).filter((name) => name.endsWith('.tmp'));

  beforeEach(async () => {
    if (before.length === 0) before = fs.readFileSync(await files.make('made', COUNT));
    fs.writeFileSync(manifest, before);
    fs.chmodSync(manifest, 0o640);
  });
  afterEach(() => expect(unfinished()).to.deep.equal([]));

  it('takes every DEK and the credential to the other KEK', async () => {
    const {status, stdout, stderr} = await rewrap('--import-kek-id', '0x21');
    expect([status, stdout.toString(), stderr]).to.deep.equal([
      0,
      '',
      `re-wrapped ${COUNT} DEKs from the KEK with KCV ${KCV} to the KEK with KCV ${OTHER_KCV}: ${manifest}\n`,
    ]);
    const content = fs.readFileSync(manifest);
    expect(await plaintexts(content, OTHER_KEK)).to.deep.equal(await plaintexts(before, KEK));
    const {header, deks} = await readAll(content);
    expect(toHex(header.importKekKcv!)).to.equal(OTHER_KCV);
    expect([header.login!.importKekId, header.login!.credentialId]).to.deep.equal([0x21, 0x10]);
    expect(unwrapCredential(OTHER_KEK, header.login!.credential)).to.deep.equal(CREDENTIAL);
    const facts = ({name, keySize, keytag, opaque}: (typeof deks)[0]) => [name, keySize, keytag, opaque];
    expect(deks.map(facts)).to.deep.equal((await readAll(before)).deks.map(facts));
    expect(fs.statSync(manifest).mode & 0o777).to.equal(0o640);
  });

  it('writes to another file with --output, and prints one object with --json', async () => {
    const output = files.path('new');
    const result = await rewrap('--output', output, '--json');
    expect(json(result)).to.deep.equal({deks: COUNT, equalKeys: [], fromKcv: KCV, toKcv: OTHER_KCV, output});
    expect(result.stderr).to.equal('');
    expect(fs.readFileSync(manifest)).to.deep.equal(before);
    expect((await readAll(fs.readFileSync(output))).header.login!.importKekId).to.equal(0x20);
    expect((await rewrap('--output', output)).status).to.equal(5);
    // Wrapping is deterministic: back again is what it was, two generations on.
    const back = await runDek(['rewrap', output, '--from', otherKek, '--to', kek]);
    expect(back.status).to.equal(0);
    const [was, is] = [before, fs.readFileSync(output)].map((bytes) => bytes.toString().split('\n'));
    expect(is!.slice(1)).to.deep.equal(was!.slice(1));
    const [old, fresh] = [was!, is!].map(([header]) => JSON.parse(header!));
    expect(fresh).to.deep.equal({...old, generation: old.generation + 2, issued: fresh.issued});
  });

  it('takes a DEK along whose key1 equals key2, and says so', async () => {
    const lines = before.toString().split('\n').slice(0, 4);
    const dek = JSON.parse(lines[2]!);
    const equal = new Uint8Array(dek.keytag ? 72 : 64).fill(7, 0, 64);
    lines[2] = JSON.stringify({
      ...dek,
      ...NO_MARKS,
      wrapped: Buffer.from(wrapKey(KEK, equal)).toString('base64'),
    });
    fs.writeFileSync(manifest, `${lines.join('\n')}\n`);
    const {status, stderr} = await rewrap();
    expect([status, stderr.split('\n')[1]]).to.deep.equal([0, 'line 3: whole, but key1 equals key2']);
    expect((await plaintexts(fs.readFileSync(manifest), OTHER_KEK))[1]).to.equal(toHex(equal));
  });

  it('replaces the file that a symbolic link leads to', async () => {
    const link = files.path('link');
    fs.symlinkSync('manifest', link);
    expect((await runDek(['rewrap', link, '--from', kek, '--to', otherKek])).status).to.equal(0);
    expect(fs.readlinkSync(link)).to.equal('manifest');
    expect(toHex((await readAll(fs.readFileSync(manifest))).header.importKekKcv!)).to.equal(OTHER_KCV);
  });

  const torn = (): void => fs.truncateSync(manifest, before.length - 1);
  const alteredAt = (line: number, change: (line: string) => string) => (): void => {
    const lines = before.toString().split('\n');
    lines[line - 1] = change(lines[line - 1]!);
    fs.writeFileSync(manifest, lines.join('\n'));
  };
  const flip = (line: string): string =>
    line.replace(/("wrapped(?:Credential)?":")(.)/, (_, key, digit) => key + (digit === 'A' ? 'B' : 'A'));
  const nothing = (): void => {};
  const good = ['--from', kek, '--to', otherKek];

  for (const [title, prepare, args, status, message] of [
    [
      'another --from',
      nothing,
      ['--from', otherKek, '--to', kek],
      6,
      `"from" has KCV ${OTHER_KCV}, and the manifest was wrapped under KCV ${KCV}`,
    ],
    ['an --output that is no file', nothing, [...good, '--output', '-'], 2, '--output expected a file'],
    ['an empty --output', nothing, [...good, '--output', ''], 2, '--output expected a file'],
    ['the same KEK twice', nothing, ['--from', kek, '--to', kek], 2, '"from" and "to" are the same KEK'],
    [
      'an altered DEK in its last line',
      alteredAt(COUNT + 1, flip),
      good,
      6,
      `line ${COUNT + 1}: wrapped: integrity check failed`,
    ],
    ['an altered credential', alteredAt(1, flip), good, 6, 'line 1: wrappedCredential: integrity check failed'],
    ['a malformed line', alteredAt(900, () => '{}'), good, 2, 'line 900: name: missing'],
    ['a torn file', torn, good, 2, `line ${COUNT + 1}: ends without a line feed`],
    [
      'both KEKs from stdin',
      nothing,
      ['--from', '-', '--to', '-'],
      2,
      'two inputs come from one stream, which can be read only once',
    ],
    ['a KEK on the command line', nothing, ['--from', kek, '--to', '00'.repeat(32)], 2, '"to" is not a source'],
  ] as [string, () => void, string[], number, string][]) {
    it(`refuses ${title}, and the manifest stays`, async () => {
      prepare();
      const was = fs.readFileSync(manifest);
      const result = await runDek(['rewrap', manifest, ...args]);
      expect([result.status, result.stderr.split('\n')[0]]).to.deep.equal([status, `error: ${message}`]);
      expect(fs.readFileSync(manifest)).to.deep.equal(was);
    });
  }

  it('refuses an id for a manifest without a login', async () => {
    const path = files.path('no-login');
    await runDek(['keygen', '--name', 'x', '--no-login', '--kek', kek, '-o', path]);
    const {status, stderr} = await runDek(['rewrap', path, '--from', kek, '--to', otherKek, '--import-kek-id', '1']);
    expect([status, stderr]).to.deep.equal([
      2,
      'error: the manifest has no login, and so no id of its import KEK\nhint: leave out --import-kek-id\n',
    ]);
    expect((await runDek(['rewrap', path, '--from', kek, '--to', otherKek])).status).to.equal(0);
  });

  /** Starts a rewrap and, when `when` says so, sends it a signal; resolves to the signal that ended it. */
  async function interrupted(signal: NodeJS.Signals, when: () => Promise<void>): Promise<string | null> {
    const args = [DEK, 'rewrap', manifest, '--from', kek, '--to', otherKek];
    const child = spawn(process.execPath, args, {stdio: 'ignore'});
    const ended = new Promise<string | null>((resolve) => child.once('exit', (_, by) => resolve(by)));
    await when();
    child.kill(signal);
    return ended;
  }

  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  for (const [what, isThere] of [
    ['while it writes', () => unfinished().length > 0],
    ['while it verifies', () => unfinished().some((name) => fs.statSync(files.path(name)).size >= before.length)],
  ] as [string, () => boolean][]) {
    it(`leaves nothing behind when SIGTERM comes ${what}`, async () => {
      expect(await interrupted('SIGTERM', () => until(isThere))).to.equal('SIGTERM');
      expect(fs.readFileSync(manifest)).to.deep.equal(before);
    });
  }

  it('leaves the old file or the new one, whole, when SIGKILL ends it at any instant', async () => {
    const begun = (): Promise<void> => until(() => unfinished().length > 0);
    // How long it takes from the first byte of the new file to the end: before that nothing happens to the old one.
    const whole = rewrap();
    await begun();
    const startMs = performance.now();
    expect((await whole).status).to.equal(0);
    const durationMs = performance.now() - startMs;
    const after = fs.readFileSync(manifest);
    const seen = {old: 0, new: 0, halfWritten: 0};
    for (let i = 0; i < 30; i++) {
      fs.writeFileSync(manifest, before);
      const delayMs = 1.1 * durationMs * Math.random();
      await interrupted('SIGKILL', async () => {
        await begun();
        await sleep(delayMs);
      });
      const is = fs.readFileSync(manifest);
      if (is.equals(before)) seen.old++;
      else if (sinceIssued(is).equals(sinceIssued(after))) seen.new++;
      else expect.fail(`after ${Math.round(delayMs)} ms the manifest is neither the old nor the new one`);
      seen.halfWritten += unfinished().length;
      for (const name of unfinished()) fs.rmSync(files.path(name));
    }
    expect(seen.old + seen.new).to.equal(30);
    // Without these the kills came at instants that prove nothing.
    expect(seen.halfWritten, JSON.stringify(seen)).to.be.greaterThan(0);
    if (process.env['SLOW']) console.log(`      ${JSON.stringify(seen)}`);
  });
});
