/** The proof that a rewrap gives of itself: what differs is noticed. */
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {type ManifestDek, type ManifestHeader, writeManifest} from '../../src/manifest/index.js';
import {assertSameDeks, rewrapManifest} from '../../src/manifest/rewrap.js';
import {keyCheckValue, wrapCredential, wrapDek} from '../../src/wrap/index.js';
import {thrownBy} from '../errors-thrown.js';

const [from, to] = [new Uint8Array(32).fill(1), new Uint8Array(16).fill(2)];

function dek(kek: Uint8Array, n: number, changes: Partial<ManifestDek> = {}): ManifestDek {
  const [key1, key2, keytag] = [new Uint8Array(32).fill(n), new Uint8Array(32).fill(n + 1), new Uint8Array(8)];
  const wrapped = wrapDek(kek, {key1, key2, keytag});
  return {name: `vol-${n}`, keySize: 256, keytag: true, opaque: new Uint8Array(), wrapped, ...changes};
}

/** The DEK 3 without its keytag. */
function untagged(kek: Uint8Array): ManifestDek {
  const wrapped = wrapDek(kek, {key1: new Uint8Array(32).fill(3), key2: new Uint8Array(32).fill(4)});
  return dek(kek, 3, {keytag: false, wrapped});
}

function header(kek: Uint8Array, credential = 7, importKekId = 32): ManifestHeader {
  const login = {importKekId, credentialId: 16, credential: wrapCredential(kek, new Uint8Array(40).fill(credential))};
  return {devices: ['mlx5_0'], importKekKcv: keyCheckValue(kek), login};
}

describe('assertSameDeks', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-rewrap-'));
  const [old, fresh] = [join(directory, 'old'), join(directory, 'fresh')];
  after(() => fs.rmSync(directory, {recursive: true}));

  async function write(path: string, head: ManifestHeader, deks: ManifestDek[]): Promise<void> {
    fs.writeFileSync(path, '');
    for await (const chunk of writeManifest(head, deks)) fs.appendFileSync(path, chunk);
  }

  beforeEach(() => write(old, header(from), [dek(from, 1), dek(from, 2), dek(from, 3)]));

  it('is content with what rewrapManifest writes', async () => {
    fs.writeFileSync(fresh, '');
    for await (const chunk of rewrapManifest(old, {from, to, importKekId: 33})) fs.appendFileSync(fresh, chunk);
    await assertSameDeks(old, fresh, {from, to, importKekId: 33});
    const error = await thrownBy(() => assertSameDeks(old, fresh, {from, to}));
    expect(error.message).to.equal('what was written differs from the manifest in line 1');
  });

  const good = [dek(to, 1), dek(to, 2), dek(to, 3)];
  for (const [what, head, deks, line] of [
    ['another credential', header(to, 8), good, 1],
    ['another id', header(to, 7, 33), good, 1],
    ['no login', {...header(to), login: null}, good, 1],
    ['another device', {...header(to), devices: []}, good, 1],
    ['a DEK less', header(to), good.slice(0, 2), 4],
    ['a DEK more', header(to), [...good, dek(to, 4)], 5],
    ['two DEKs exchanged', header(to), [dek(to, 2), dek(to, 1), dek(to, 3)], 2],
    ['two keys exchanged', header(to), [dek(to, 1), dek(to, 3, {name: 'vol-2'}), dek(to, 2, {name: 'vol-3'})], 3],
    ['another opaque', header(to), [dek(to, 1), dek(to, 2, {opaque: new Uint8Array([1])}), dek(to, 3)], 3],
    ['a keytag lost', header(to), [...good.slice(0, 2), untagged(to)], 4],
  ] as [string, ManifestHeader, ManifestDek[], number][]) {
    it(`notices ${what}`, async () => {
      await write(fresh, head, deks);
      const {code, message} = await thrownBy(() => assertSameDeks(old, fresh, {from, to}));
      expect([code, message]).to.deep.equal(['IO', `what was written differs from the manifest in line ${line}`]);
    });
  }

  it('notices a DEK under the old KEK', async () => {
    await write(fresh, header(to), [dek(to, 1), dek(from, 2), dek(to, 3)]);
    const error = await thrownBy(() => assertSameDeks(old, fresh, {from, to}));
    expect([error.code, error.message]).to.deep.equal(['UNWRAP_FAILED', 'line 3: wrapped: integrity check failed']);
  });
});
