/** Files that nobody means well with, for dek inspect and dek convert: one clear error each, and nothing of a key. */
import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import type {ReadOptions} from '../../src/doctor/formats/material.js';
import {FILE_FORMAT_NAMES, FILE_FORMATS} from '../../src/doctor/formats/table.js';
import {identify} from '../../src/doctor/inspect/identify.js';
import {DekError} from '../../src/errors.js';
import {wrapCredential, wrapDek} from '../../src/wrap/index.js';
import {runDek} from '../support/process/run-dek.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const RUNS = process.env['SLOW'] ? 20_000 : 300;
const FROM_BYTES = FILE_FORMAT_NAMES.filter((name) => name !== 'manifest');

describe('hostile files', () => {
  const KEK = new Uint8Array(32).fill(3);
  const half = (first: number) => new Uint8Array(32).map((_, i) => first + i);
  const MATERIAL = {
    credential: wrapCredential(KEK, new Uint8Array(40).fill(9)),
    deks: [{name: 'dek', wrapped: wrapDek(KEK, {key1: half(1), key2: half(99)})}],
  };
  const short = {name: 'short', wrapped: wrapDek(KEK, {key1: half(1).slice(0, 16), key2: half(99).slice(0, 16)})};
  let directory: string;
  before(() => {
    directory = temporaryDirectory();
  });
  after(() => fs.rmSync(directory, {recursive: true, force: true}));

  /** Whole files of each kind, to be cut and bent. */
  async function wholes(): Promise<Uint8Array[]> {
    const options = {kek: undefined, ids: {credentialId: 1, importKekId: 2}};
    const written = [
      FILE_FORMATS.c.write(MATERIAL),
      FILE_FORMATS.hex.write({...MATERIAL, credential: null}),
      FILE_FORMATS.perftest.write({credential: null, deks: [short]}),
      FILE_FORMATS.dpdk.write({...MATERIAL, deks: []}),
      await FILE_FORMATS.pyverbs.write({...MATERIAL, deks: [short, ...MATERIAL.deks]}, options),
      await FILE_FORMATS.manifest.write(MATERIAL, options),
    ];
    return written.map((file) => (typeof file === 'string' ? new TextEncoder().encode(file) : file));
  }

  /** Reads it by each reader; what is thrown is ours, and repeats nothing that is long. */
  function readAll(bytes: Uint8Array): void {
    const {is} = identify(bytes);
    expect(is).to.have.length.of.at.least(1);
    const said = [...is];
    for (const format of FROM_BYTES) {
      try {
        const reader: {read(bytes: Uint8Array, options: ReadOptions, path: string): unknown} = FILE_FORMATS[format];
        reader.read(bytes, {isCredential: false, name: 'x'}, '');
      } catch (error) {
        if (!(error instanceof DekError)) throw error;
        expect(['BAD_INPUT', 'BAD_ARGUMENT']).to.include(error.code);
        said.push(error.message, error.hint ?? '');
      }
    }
    expect(said.join('\n')).not.to.match(/[0-9a-f]{17}/i);
  }

  it('of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 600}), (bytes) => readAll(bytes)),
      {numRuns: RUNS},
    );
  });

  it('of random text in the letters that the formats are made of', () => {
    const letter = fc.constantFrom(...'0x1f9abcdefF[]{}=,;:"\\ \n\t*/-._keywrapped_credential');
    fc.assert(
      fc.property(fc.array(letter, {maxLength: 400}), (letters) => readAll(new TextEncoder().encode(letters.join('')))),
      {numRuns: RUNS},
    );
  });

  it('that were whole, cut off or bent in places', async () => {
    const files = await wholes();
    const place = fc.nat();
    fc.assert(
      fc.property(fc.constantFrom(...files), place, place, fc.integer({min: 0, max: 255}), (file, cut, at, byte) => {
        const bent = Uint8Array.from(file);
        bent[at % bent.length] = byte;
        readAll(bent.subarray(0, 1 + (cut % bent.length)));
      }),
      {numRuns: RUNS},
    );
  });

  it('that are no files: a pipe, a folder, a device, a link to nowhere or to itself, nothing', async () => {
    const path = (name: string): string => join(directory, name);
    execFileSync('mkfifo', [path('pipe')]);
    fs.mkdirSync(path('folder'));
    fs.symlinkSync('nowhere', path('dangling'));
    fs.symlinkSync('loop', path('loop'));
    const files = [...['pipe', 'folder', 'dangling', 'loop', 'none'].map(path), '/dev/zero', '/dev/null'];
    const commands = [
      ['inspect'],
      ['convert', '--from', 'manifest', '--to', 'hex'],
      ['convert', '--from', 'c', '--to', 'c'],
    ];
    await Promise.all(
      files.flatMap((file) =>
        commands.map(async ([name, ...flags]) => {
          const {status, stdout, stderr} = await runDek([name!, file, ...flags]);
          expect([1, 2, 3], `${name} ${file}: ${stderr}`).to.include(status);
          expect(stdout.length).to.equal(0);
          expect(stderr.split('\n').filter((line) => line.startsWith('error: '))).to.have.length(1);
        }),
      ),
    );
  });

  it('that are huge: of which no more is read than tells', async () => {
    const [sparse, manifest] = [join(directory, 'sparse'), join(directory, 'manifest')];
    fs.writeFileSync(sparse, randomBytes(64));
    fs.truncateSync(sparse, 2 ** 33);
    fs.writeFileSync(manifest, '{"dek-manifest":2,');
    fs.truncateSync(manifest, 2 ** 33);
    const asked = await runDek(['inspect', sparse, '--json']);
    const found = JSON.parse(asked.stdout.toString()) as {is: string[]};
    expect(found).to.include({bytes: 2 ** 33, kind: 'unknown'});
    expect(found.is).to.deep.equal([`nothing that dek knows: ${2 ** 33} bytes`]);
    expect((await runDek(['convert', sparse, '--from', 'raw', '--to', 'hex'])).status).to.equal(2);
    expect((await runDek(['inspect', manifest])).stderr).to.contain('is longer than');
  });
});
