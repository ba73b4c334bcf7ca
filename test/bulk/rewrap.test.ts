/** The proof that a rewrap gives of itself: what differs is noticed. */
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {Crew} from '../../src/bulk/jobs/crew.js';
import {Rewrap} from '../../src/bulk/rewrap.js';
import {type ManifestDek, type ManifestHeader, writeManifest} from '../../src/manifest/index.js';
import {rewrapKeys} from '../../src/wrap/bulk.js';
import {keyCheckValue, wrapCredential, wrapDek} from '../../src/wrap/index.js';
import {BytesKek, type KekHandle} from '../../src/wrap/kek-handle.js';
import {thrownBy} from '../support/process/errors-thrown.js';

const [from, to] = [new Uint8Array(32).fill(1), new Uint8Array(16).fill(2)];

function dek(kek: Uint8Array, n: number, changes: Partial<ManifestDek> = {}): ManifestDek {
  const [key1, key2, keytag] = [new Uint8Array(32).fill(n), new Uint8Array(32).fill(n + 1), new Uint8Array(8)];
  const wrapped = wrapDek(kek, {key1, key2, keytag});
  return {name: `vol-${n}`, keySize: 256, keytag: true, opaque: new Uint8Array(), wrapped, ...changes};
}

function header(kek: Uint8Array, credential = 7, importKekId = 32): ManifestHeader {
  const login = {importKekId, credentialId: 16, credential: wrapCredential(kek, new Uint8Array(40).fill(credential))};
  return {devices: ['mlx5_0'], importKekKcv: keyCheckValue(kek), login};
}

/** As a key in a token beside the other one: keys pass between the two, and come out to nobody. */
function inToken(bytes: Uint8Array, other: Uint8Array): KekHandle {
  const no = (): Promise<never> => expect.fail('a key came out of the token');
  return {
    ...{name: 'kek', kekBytes: bytes.length, kcv: keyCheckValue(bytes), secret: undefined},
    ...{wrap: no, unwrap: no, staysWithin: () => true, close: async () => {}},
    rewrap: async (_, ...columns) => rewrapKeys(bytes, other, ...columns),
  };
}

for (const place of ['in this process', 'in one token'])
  describe(`Rewrap, both KEKs ${place}`, () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'dek-rewrap-'));
    const [old, fresh] = [join(directory, 'old'), join(directory, 'fresh')];
    after(() => fs.rmSync(directory, {recursive: true}));

    async function write(path: string, head: ManifestHeader, deks: ManifestDek[]): Promise<void> {
      fs.writeFileSync(path, '');
      for await (const chunk of writeManifest(head, deks)) fs.appendFileSync(path, chunk);
    }

    /** Rewraps the old manifest, lets `meddle` alter what was written, and checks it. */
    async function rewrap(
      meddle: () => void | Promise<void>,
      options: {importKekId?: number} = {},
      alone = 9,
    ): Promise<void> {
      const [oldKek, newKek] =
        place === 'in one token'
          ? [inToken(from, to), inToken(to, from)]
          : [new BytesKek(from.slice(), 'from'), new BytesKek(to.slice(), 'to')];
      const work = async (crew: Crew): Promise<void> => {
        const rewrapping = new Rewrap(crew, old, {from: oldKek, to: newKek, ...options});
        fs.writeFileSync(fresh, '');
        for await (const chunk of rewrapping.chunks()) fs.appendFileSync(fresh, chunk);
        await meddle();
        await rewrapping.check(fresh);
      };
      await Crew.with([oldKek, newKek], work, {threads: 2, alone});
    }

    beforeEach(() => write(old, header(from), [dek(from, 1), dek(from, 2), dek(from, 3)]));

    for (const [where, alone] of [
      ['on the main thread', 9],
      ['in threads', 0],
    ] as const) {
      it(`writes what the one-key engine would, ${where}`, async () => {
        await rewrap(() => {}, {importKekId: 33}, alone);
        const made = fs.readFileSync(fresh);
        await write(fresh, header(to, 7, 33), [dek(to, 1), dek(to, 2), dek(to, 3)]);
        expect(made).to.deep.equal(fs.readFileSync(fresh));
      });
    }

    it('puts lines of another form into canonical form', async () => {
      fs.writeFileSync(old, fs.readFileSync(old, 'utf8').replaceAll('":', '" : '));
      await rewrap(() => {});
      expect(fs.readFileSync(fresh, 'utf8')).to.not.include(' ');
    });

    const good = [dek(to, 1), dek(to, 2), dek(to, 3)];
    for (const [what, head, deks, where] of [
      ['another credential', header(to, 8), good, 'in line 1'],
      ['another id', header(to, 7, 33), good, 'in line 1'],
      ['another device', {...header(to), devices: ['mlx5_1']}, good, 'in line 1'],
      ['a DEK less', header(to), good.slice(0, 2), 'in line 2'],
      ['a DEK more', header(to), [...good, dek(to, 4)], 'in line 5'],
      ['two DEKs exchanged', header(to), [dek(to, 2), dek(to, 1), dek(to, 3)], 'between line 2 and line 4'],
      [
        'two keys exchanged',
        header(to),
        [dek(to, 1), dek(to, 3, {name: 'vol-2'}), dek(to, 2, {name: 'vol-3'})],
        'between line 2 and line 4',
      ],
      ['another name', header(to), [dek(to, 1), dek(to, 2, {name: 'vol-4'}), dek(to, 3)], 'between line 2 and line 4'],
      ['a DEK under the old KEK', header(to), [dek(to, 1), dek(from, 2), dek(to, 3)], 'between line 2 and line 4'],
    ] as [string, ManifestHeader, ManifestDek[], string][]) {
      it(`notices ${what}`, async () => {
        const {code, message} = await thrownBy(() => rewrap(() => write(fresh, head, deks)));
        expect([code, message]).to.deep.equal(['IO', `what was written differs from the manifest ${where}`]);
      });
    }

    it('notices every altered byte', async () => {
      await rewrap(() => {});
      for (let at = 0; at < fs.statSync(fresh).size; at += 7) {
        const error = await thrownBy(() =>
          rewrap(() => {
            const bytes = fs.readFileSync(fresh);
            bytes[at]! ^= 1;
            fs.writeFileSync(fresh, bytes);
          }),
        ).catch(() => expect.fail(`byte ${at}`));
        expect(['IO', 'BAD_INPUT', 'UNWRAP_FAILED']).to.include(error.code);
      }
    });
  });
