import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {layoutOf} from '../../src/dek-layout.js';
import {DekError, openManifest, readManifest, writeManifest} from '../../src/index.js';
import {type ManifestDek, type ManifestHeader, newEdition} from '../../src/manifest/index.js';
import {dekLine, headerLine, readAll, text} from '../support/manifest/manifest-text.js';
import {thrownBy} from '../support/process/errors-thrown.js';

const good = text(headerLine(), dekLine(1), dekLine(2), dekLine(3));

const anyDek = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/),
    keySize: fc.constantFrom<128 | 256>(128, 256),
    keytag: fc.boolean(),
    opaque: fc.uint8Array({maxLength: 8}),
    key: fc.uint8Array({minLength: 80, maxLength: 80}),
  })
  .map(
    ({key, ...dek}): ManifestDek => ({...dek, wrapped: key.slice(0, layoutOf(dek.keySize, dek.keytag).wrappedBytes)}),
  );
/** The same with marks. */
const anyDek2 = fc
  .tuple(
    anyDek,
    fc.option(fc.uint8Array({minLength: 16, maxLength: 16}), {nil: undefined}),
    fc.option(fc.uint8Array({minLength: 6, maxLength: 6}), {nil: undefined}),
    fc.option(fc.uint8Array({minLength: 8, maxLength: 8}), {nil: undefined}),
  )
  .map(
    ([dek, dcv, dcvHints, keytagValue]): ManifestDek => ({
      ...dek,
      ...(dcv && {dcv}),
      ...(dcv && dcvHints && {dcvHints}),
      ...(dek.keytag && keytagValue && {keytagValue}),
    }),
  );
const anyId = fc.integer({min: 0, max: 0xffffff});
const anyHeader = fc.record({
  devices: fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,20}$/), {maxLength: 4}),
  importKekKcv: fc.uint8Array({minLength: 5, maxLength: 5}),
  login: fc.option(
    fc.record({
      importKekId: anyId,
      credentialId: anyId,
      credential: fc.uint8Array({minLength: 48, maxLength: 48}),
    }),
  ),
});

const anyHeader2 = fc
  .record({
    header: anyHeader,
    hosts: fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/), {maxLength: 4}),
    notAfter: fc.constantFrom(null, '2027-01-01T00:00:00Z', '2027-01-01T23:59:60.123+02:00'),
    nextLogin: fc.option(
      fc.record({
        importKekId: anyId,
        credentialId: anyId,
        credential: fc.uint8Array({minLength: 48, maxLength: 48}),
        importKekKcv: fc.option(fc.uint8Array({minLength: 5, maxLength: 5})),
      }),
    ),
    hasKcv: fc.boolean(),
  })
  .map(
    ({header, hasKcv, ...edition}): ManifestHeader => ({
      edition: newEdition(edition),
      ...header,
      importKekKcv: hasKcv ? header.importKekKcv : null,
    }),
  );

async function write(header: ManifestHeader, deks: Iterable<ManifestDek>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeManifest(header, deks)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('readManifest', () => {
  it('gives the header, then the DEKs with their lines', async () => {
    const {header, deks} = await readAll(text(headerLine(), dekLine(1, {opaque: '766f6c2d31'})));
    expect(header).to.deep.equal({
      devices: ['mlx5_0'],
      importKekKcv: new Uint8Array([1, 0x23, 0x45, 0x67, 0x89]),
      login: {importKekId: 32, credentialId: 16, credential: new Uint8Array(48).fill(7)},
    });
    const wrapped = new Uint8Array(80);
    wrapped[3] = 1;
    const opaque = new Uint8Array(Buffer.from('vol-1'));
    expect(deks).to.deep.equal([{line: 2, name: 'vol-1', keySize: 256, keytag: true, opaque, wrapped}]);
  });

  it('reads several devices, none, no login and no DEK', async () => {
    const noLogin = {device: undefined, importKekId: undefined, credentialId: undefined, wrappedCredential: undefined};
    const {header, deks} = await readAll(text(headerLine(noLogin)));
    expect([header.devices, header.login, deks]).to.deep.equal([[], null, []]);
    const several = await readAll(text(headerLine({device: ['mlx5_0', '0000:03:00.1']})));
    expect(several.header.devices).to.deep.equal(['mlx5_0', '0000:03:00.1']);
  });

  it('takes spaces, tabs and members in any order, as other programs write them', async () => {
    const {name, keySize, keytag, wrapped} = JSON.parse(dekLine(1));
    const line = `\t{ "wrapped": "${wrapped}",  "keytag" : ${keytag}, "keySize": ${keySize}, "name": "${name}" } `;
    const {deks} = await readAll(text(headerLine(), line));
    expect(deks).to.deep.equal((await readAll(text(headerLine(), dekLine(1)))).deks);
  });

  it('takes a line of 4,096 bytes', async () => {
    const line = dekLine(1).padEnd(4096);
    expect((await readAll(text(headerLine(), line))).deks).to.have.length(1);
  });

  for (const chunkBytes of [1, 2, 3, 7, 64, 1000]) {
    it(`reads chunks of ${chunkBytes} bytes in one buffer that is used again`, async () => {
      async function* chunks(): AsyncGenerator<Uint8Array> {
        const chunk = new Uint8Array(chunkBytes);
        for (let at = 0; at < good.length; at += chunkBytes) {
          const part = Buffer.from(good.slice(at, at + chunkBytes));
          chunk.set(part);
          yield chunk.subarray(0, part.length);
          chunk.fill(0);
        }
      }
      const {entries} = await readManifest(chunks());
      const names: string[] = [];
      for await (const {name} of entries) names.push(name);
      expect(names).to.deep.equal(['vol-1', 'vol-2', 'vol-3']);
    });
  }

  it('reports each bad line and leaves it out, when asked', async () => {
    const lines = [dekLine(1), dekLine(2, {keySize: 1}), '', dekLine(1, {name: 'vol-4'}), dekLine(5)];
    const faults: [number, string][] = [];
    const onFault = (error: DekError, line: number): void => void faults.push([line, error.message]);
    const content = `${text(headerLine(), ...lines)}{"name"`;
    const {entries} = await readManifest([Buffer.from(content)], {onFault});
    const names: string[] = [];
    for await (const {name} of entries) names.push(name);
    expect(names).to.deep.equal(['vol-1', 'vol-5']);
    expect(faults).to.deep.equal([
      [3, 'line 3: keySize: expected 128 or 256, got 1'],
      [4, 'line 4: is empty'],
      [5, 'line 5: wrapped: stands in line 2 already'],
      [7, 'line 7: ends without a line feed'],
    ]);
  });

  it('refuses chunks of text', async () => {
    const error = await thrownBy(() => readManifest([good] as unknown as Uint8Array[]));
    expect(error.code).to.equal('BAD_ARGUMENT');
  });
});

describe('openManifest', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-manifest-'));
  const path = join(directory, 'manifest');
  fs.writeFileSync(path, good);
  after(() => fs.rmSync(directory, {recursive: true}));
  const openFiles = () =>
    fs.readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`) === path;
      } catch {
        return false;
      }
    });

  it('reads a file and closes it at the end', async () => {
    const {entries} = await openManifest(path);
    expect(openFiles()).to.have.length(1);
    for await (const _ of entries);
    expect(openFiles()).to.deep.equal([]);
  });

  it('closes the file when the reader stops early, after a fault, and when the header is bad', async () => {
    const {entries} = await openManifest(path);
    await entries.return();
    const second = await openManifest(path);
    for await (const _ of second.entries) break;
    fs.writeFileSync(path, text(headerLine(), 'x'));
    const third = await openManifest(path);
    await thrownBy(() => third.entries.next());
    fs.writeFileSync(path, 'x\n');
    await thrownBy(() => openManifest(path));
    expect(openFiles()).to.deep.equal([]);
  });

  for (const [what, file, code] of [
    ['a file that is not there', '/nonexistent/manifest', 'NO_INPUT'],
    ['a directory', directory, 'BAD_INPUT'],
    ['a path with a NUL', 'a\0b', 'BAD_ARGUMENT'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      expect((await thrownBy(() => openManifest(file))).code).to.equal(code);
    });
  }
});

describe('writeManifest', () => {
  it('writes what is read again', async () => {
    const unique = (dek: fc.Arbitrary<ManifestDek>) => fc.uniqueArray(dek, {selector: ({name}) => name, maxLength: 20});
    const anyManifest = fc.oneof(
      fc.tuple<[ManifestHeader, ManifestDek[]]>(anyHeader, unique(anyDek)),
      fc.tuple<[ManifestHeader, ManifestDek[]]>(anyHeader2, unique(anyDek2)),
    );
    const runs = process.env['SLOW'] ? 2000 : 100;
    await fc.assert(
      fc.asyncProperty(anyManifest, async ([header, deks]) => {
        // The bytes of two keys are hardly ever the same; when they are, this is not the test for it.
        fc.pre(new Set(deks.map(({wrapped}) => Buffer.from(wrapped).toString('hex'))).size === deks.length);
        const back = await readAll(await write(header, deks));
        expect(back.header).to.deep.equal(header);
        expect(back.deks).to.deep.equal(deks.map((dek, i) => ({line: i + 2, ...dek})));
      }),
      {numRuns: runs},
    );
  });

  const header: ManifestHeader = {devices: [], importKekKcv: new Uint8Array(5), login: null};
  const dek: ManifestDek = {
    name: 'vol-1',
    keySize: 256,
    keytag: true,
    opaque: new Uint8Array(),
    wrapped: new Uint8Array(80),
  };

  for (const [what, deks, message] of [
    ['a name twice', [dek, {...dek, wrapped: new Uint8Array(80).fill(1)}], 'line 3: name: stands in line 2 already'],
    ['a key twice', [dek, {...dek, name: 'vol-2'}], 'line 3: wrapped: stands in line 2 already'],
    [
      'a wrong length',
      [{...dek, keytag: false}],
      'line 2: wrapped: expected 72 bytes for a 256-bit key without keytag, got 80',
    ],
    [
      'a name that is none',
      [{...dek, name: 'a b'}],
      'line 2: name: expected 1 to 128 letters, digits and . _ : @ + -, a letter or a digit first',
    ],
    ['no name', [{...dek, name: undefined}], 'line 2: name: missing'],
    [
      'text for bytes',
      [{...dek, wrapped: 'x'}],
      '"wrapped" expected Uint8Array of length 40, 48, 72 or 80, got type=string',
    ],
    [
      'a long opaque',
      [{...dek, opaque: new Uint8Array(9)}],
      '"opaque" expected Uint8Array of 0 to 8 bytes, got length=9',
    ],
  ] as [string, ManifestDek[], string][]) {
    it(`refuses ${what}`, async () => {
      const error = await thrownBy(() => write(header, deks));
      expect(error).to.be.instanceOf(DekError);
      expect(error.message).to.equal(message);
    });
  }

  it('refuses a header that could not be read', async () => {
    const login = {importKekId: 2 ** 24, credentialId: 0, credential: new Uint8Array(48)};
    const error = await thrownBy(() => write({...header, login}, []));
    expect(error.message).to.equal('line 1: importKekId: expected an integer from 0 to 16777215, got 16777216');
  });
});
