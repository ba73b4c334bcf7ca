/** A manifest of a million lines (SLOW=1; 100,000 without) is checked in memory that does not grow with its bytes. */
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text as readText} from 'node:stream/consumers';
import {expect} from 'chai';
import {viewOf} from '../../src/bytes.js';
import {hash, randomFingerprintKey} from '../../src/manifest/fingerprint.js';
import {FingerprintTable} from '../../src/manifest/fingerprint-table.js';
import {type ManifestDek, writeManifest} from '../../src/manifest/index.js';
import {DEK} from '../support/process/run-dek.js';

const PRELOAD = new URL('../support/process/max-rss.js', import.meta.url).href;
const COUNT = process.env['SLOW'] ? 1_000_000 : 100_000;

describe(`a manifest of ${COUNT} DEKs`, () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-million-'));
  after(() => fs.rmSync(directory, {recursive: true}));

  function* deks(count: number): Generator<ManifestDek> {
    for (let i = 0; i < count; i++) {
      const wrapped = Buffer.alloc(80);
      wrapped.writeUInt32BE(i);
      yield {name: `vol-${i}`, keySize: 256, keytag: true, opaque: new Uint8Array(), wrapped};
    }
  }

  async function write(count: number): Promise<string> {
    const path = join(directory, `${count}`);
    const file = fs.openSync(path, 'w');
    const header = {devices: [], importKekKcv: new Uint8Array(5), login: null};
    for await (const chunk of writeManifest(header, deks(count))) fs.writeSync(file, chunk);
    fs.closeSync(file);
    return path;
  }

  /** Peak resident bytes of `dek manifest check`. */
  async function peakBytes(count: number): Promise<number> {
    const args = ['--import', PRELOAD, DEK, 'manifest', 'check', await write(count), '--json'];
    const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit', 'pipe']});
    const [out, kib] = await Promise.all([readText(child.stdout!), readText(child.stdio[3] as NodeJS.ReadableStream)]);
    expect(JSON.parse(out)).to.include({deks: count, faultCount: 0});
    return Number(kib) * 1024;
  }

  it('is checked in the memory of its two tables of duplicates', async () => {
    const base = await peakBytes(1000);
    const grown = (await peakBytes(COUNT)) - base;
    const fileBytes = fs.statSync(join(directory, `${COUNT}`)).size;
    const measured = `${(grown / 2 ** 20).toFixed(1)} MiB for ${(fileBytes / 2 ** 20).toFixed(1)} MiB of manifest`;
    // What V8's young generation takes while it is busy, whatever the count; and the tables, one of them twice while it
    // grows.
    const allowed = 48 * 2 ** 20 + 100 * COUNT;
    expect(grown, measured).to.be.lessThan(allowed);
    if (process.env['SLOW']) console.log(`      peak memory over that of 1,000 DEKs: ${measured}`);
  });

  it('takes 43 bytes or less a name in a table, and finds every duplicate', () => {
    const seen = new FingerprintTable();
    const key = randomFingerprintKey();
    const print = (i: number): Int32Array => {
      const [name, words] = [Buffer.from(`vol-${i}`), new Int32Array(3)];
      hash(viewOf(name), 0, name.length, key, words, 0);
      return words;
    };
    for (let i = 1; i <= COUNT; i++) expect(seen.add(print(i), 0, i)).to.equal(0);
    expect(seen.bytes / COUNT).to.be.lessThan(43);
    for (let i = 1; i <= COUNT; i += 997) expect(seen.add(print(i), 0, COUNT + i)).to.equal(i);
  });
});
