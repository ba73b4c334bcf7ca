/** The files of the peers, by what their readers take, and back. The readers themselves: test/commands/convert... */
import {expect} from 'chai';
import {writeDpdk} from '../../src/doctor/formats/dpdk.js';
import type {Material} from '../../src/doctor/formats/material.js';
import {FILE_FORMATS, type FileFormatName} from '../../src/doctor/formats/table.js';
import {wrapCredential, wrapDek} from '../../src/wrap/index.js';
import {BytesKek} from '../../src/wrap/kek-handle.js';
import {xts} from '../support/nic/xts.js';

const KEK = new Uint8Array(32).map((_, i) => i);
const half = (bytes: number, first: number) => new Uint8Array(bytes).map((_, i) => first + i);
const dek = (bytes: number, keytag: boolean) =>
  wrapDek(KEK, {key1: half(bytes, 1), key2: half(bytes, 0x80), ...(keytag ? {keytag: half(8, 0xf0)} : {})});
const CREDENTIAL = wrapCredential(KEK, half(40, 0x40));
const DEKS = {short: dek(16, false), shortTag: dek(16, true), long: dek(32, false), longTag: dek(32, true)};
const OPTIONS = {kek: undefined, ids: undefined};

const one = (wrapped: Uint8Array): Material => ({credential: null, deks: [{name: 'vol_1', wrapped}]});

async function roundTrip(format: FileFormatName, material: Material, isCredential = false): Promise<Material> {
  const written = await FILE_FORMATS[format].write(material, OPTIONS);
  const bytes = typeof written === 'string' ? new TextEncoder().encode(written) : written;
  return FILE_FORMATS[format].read(bytes, {isCredential, name: 'vol_1'}, '');
}

const hexOf = ({credential, deks}: Material) => ({
  credential: credential && Buffer.from(credential).toString('hex'),
  deks: deks.map(({name, wrapped}) => [name, Buffer.from(wrapped).toString('hex')]),
});

describe('formats of the peers', () => {
  for (const format of ['raw', 'hex', 'c', 'perftest', 'dpdk'] as const) {
    it(`${format}: a credential comes back as it went`, async () => {
      const material = {credential: CREDENTIAL, deks: []};
      expect(hexOf(await roundTrip(format, material, true))).to.deep.equal(hexOf(material));
    });
    const taken = {
      raw: DEKS,
      hex: DEKS,
      c: DEKS,
      perftest: {short: DEKS.short},
      dpdk: {a: DEKS.shortTag, b: DEKS.longTag},
    };
    for (const [name, wrapped] of Object.entries(taken[format])) {
      it(`${format}: a DEK of ${wrapped.length} bytes (${name}) comes back as it went`, async () => {
        expect(hexOf(await roundTrip(format, one(wrapped)))).to.deep.equal(hexOf(one(wrapped)));
      });
    }
  }

  it('pyverbs: numbers of 64 bits keep their last bit', async () => {
    const deks = [
      {name: 'wrapped_key', wrapped: DEKS.short},
      {name: 'wrapped_256_bits_key', wrapped: DEKS.long},
    ];
    const material = {credential: CREDENTIAL, deks};
    expect(hexOf(await roundTrip('pyverbs', material))).to.deep.equal(hexOf(material));
  });

  it('pyverbs: with the KEK, the ciphertext that OpenSSL comes to', async () => {
    const material = {credential: CREDENTIAL, deks: [{name: 'a', wrapped: DEKS.short}]};
    const text = (await FILE_FORMATS.pyverbs.write(material, {
      kek: new BytesKek(KEK, 'kek'),
      ids: undefined,
    })) as string;
    const keys = {key1: half(16, 1), key2: half(16, 0x80)};
    const [, list] = /"encrypted_data_for_1024_c": \[([^\]]*)\]/.exec(text)!;
    const bytes = Buffer.alloc(1024);
    for (const [i, word] of list!.split(', ').entries()) bytes.writeBigUInt64BE(BigInt(word), 8 * i);
    const unit = (i: number) => xts(keys, i, Buffer.alloc(512, 'c'));
    expect(bytes.equals(Buffer.concat([unit(0), unit(1)]))).to.equal(true);
  });

  it('refuses what a peer does not take, and says why', async () => {
    const refused = (format: FileFormatName, material: Material) =>
      Promise.resolve()
        .then(() => FILE_FORMATS[format].write(material, OPTIONS))
        .then(
          () => 'taken',
          (error: Error) => error.message,
        );
    expect(() => writeDpdk(one(DEKS.short))).to.throw('vol_1 has no keytag: DPDK takes wrapped DEKs of 48 or 80');
    expect(await refused('perftest', one(DEKS.long))).to.contain('128-bit DEKs without keytag');
    expect(await refused('pyverbs', one(DEKS.short))).to.contain('need a wrapped credential');
    expect(await refused('raw', {credential: CREDENTIAL, deks: one(DEKS.short).deks})).to.contain('holds one value');
    expect(await refused('manifest', {credential: CREDENTIAL, deks: []})).to.contain('names its ids');
    expect(
      await refused('c', {credential: null, deks: ['a-b', 'a_b'].map((name) => ({name, wrapped: DEKS.short}))}),
    ).to.contain('one identifier');
  });

  const broken: [FileFormatName, string][] = [
    ['c', 'int x;'],
    ['perftest', '0x00\n0xzz\n'],
    ['dpdk', 'abc'],
    ['dpdk', '00'],
    ['pyverbs', '{'],
    ['pyverbs', '[{"credential": [1, 2]}]'],
    ['pyverbs', '[{"credential": "x"}]'],
    ['hex', '0011'],
  ];
  for (const [format, text] of broken) {
    it(`${format} refuses ${JSON.stringify(text)}`, async () => {
      const read = async () =>
        FILE_FORMATS[format].read(new TextEncoder().encode(text), {isCredential: false, name: 'x'}, '');
      const error = await read().then(
        () => undefined,
        (thrown: {code?: string}) => thrown,
      );
      expect(error?.code).to.equal('BAD_INPUT');
    });
  }
});
