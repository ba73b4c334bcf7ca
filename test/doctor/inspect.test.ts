import {expect} from 'chai';
import {readDpdk} from '../../src/doctor/formats/dpdk.js';
import {readC, readNumbers} from '../../src/doctor/formats/numbers.js';
import {readPyverbs} from '../../src/doctor/formats/pyverbs.js';
import {identify, isManifest} from '../../src/doctor/inspect/identify.js';
import {DekError} from '../../src/errors.js';

const text = (value: string) => new TextEncoder().encode(value);
const hex = (bytes: number) => 'a5'.repeat(bytes);

describe('identify', () => {
  const caam = new Uint8Array(84);
  new DataView(caam.buffer).setUint32(0, 0x5461674f, true);
  caam.set([1, 0, 0, 0, 3, 0, 0, 0, 16, 0, 0, 0, 64], 4);
  const files: [string, Uint8Array, string, RegExp][] = [
    ['16 bytes', new Uint8Array(16).fill(200), 'bytes', /import KEK of 128 bits, by its length/],
    ['32 bytes', new Uint8Array(32).fill(200), 'bytes', /import KEK of 256 bits/],
    ['40 bytes', new Uint8Array(40).fill(200), 'bytes', /wrapped 128-bit DEK without keytag/],
    ['48 bytes', new Uint8Array(48).fill(200), 'bytes', /wrapped credential/],
    ['64 bytes', new Uint8Array(64).fill(200), 'bytes', /256-bit DEK without keytag in plaintext/],
    ['72 bytes', new Uint8Array(72).fill(200), 'bytes', /wrapped 256-bit DEK without keytag/],
    ['80 bytes', new Uint8Array(80).fill(200), 'bytes', /wrapped 256-bit DEK with keytag/],
    ['hex', text(`${hex(72)}\n`), 'bytes', /in hex/],
    ['base64', text(Buffer.from(hex(80), 'hex').toString('base64')), 'bytes', /in base64/],
    ['a wcs_file', text(`${hex(48)}\n`), 'bytes', /wcs_file of DPDK/],
    ['a list of perftest', text('0xa5\n'.repeat(40)), 'perftest', /a number a line as perftest has it/],
    ['C', text(`static const unsigned char k[40] = {${'0xa5, '.repeat(40)}};`), 'c', /1 arrays of bytes in C/],
    ['pyverbs', text(`[{"credential": [${'1, '.repeat(5)}1]}]`), 'pyverbs', /MLX5_CRYPTO_TEST_INFO/],
    ['a signature', text('-----BEGIN SSH SIGNATURE-----\nAAAA\n'), 'ssh-signature', /1 signature by SSH keys/],
    ['a CAAM blob', caam, 'caam', /black blob of keyctl_caam/],
    ['a stream', new Uint8Array(800).fill(200), 'bytes', /a raw stream of 20 values of 40 bytes/],
    ['anything', text('hello, world\n'), 'unknown', /nothing that dek knows: 13 bytes/],
    ['nothing', new Uint8Array(), 'unknown', /0 bytes/],
  ];
  for (const [title, content, kind, words] of files) {
    it(title, () => {
      const found = identify(content);
      expect([found.kind, found.is.join('; ')]).to.satisfy(([k, is]: string[]) => k === kind && words.test(is!));
    });
  }

  const hostile = ['{', '{0x a[', 'a', '{0x a[]={', '{0x a ', '[{', '1,'];
  for (const piece of hostile) {
    it(`does not take long for a megabyte of ${piece}`, () => {
      const content = text(piece.repeat(2 ** 20 / piece.length));
      expect(identify(content).kind).to.be.oneOf(['unknown', 'bytes']);
      const options = {isCredential: false, name: 'dek'};
      for (const read of [readC, readDpdk, readNumbers, readPyverbs]) {
        expect(() => read(`{0x${new TextDecoder().decode(content)}`, options)).to.throw(DekError);
      }
    });
  }

  it('makes no string of what may be keys', () => {
    const {decode} = TextDecoder.prototype;
    const decoded: unknown[] = [];
    TextDecoder.prototype.decode = function (...args) {
      decoded.push(args[0]);
      return decode.apply(this, args);
    };
    try {
      const keys = Uint8Array.from({length: 640}, (_, i) => i);
      for (const bytes of [64, 640]) {
        const key = keys.subarray(0, bytes);
        const written = ['hex', 'base64'] as const;
        for (const content of [key, ...written.map((form) => text(Buffer.from(key).toString(form)))]) {
          expect(isManifest(content)).to.equal(false);
          identify(content);
        }
      }
    } finally {
      TextDecoder.prototype.decode = decode;
    }
    expect(decoded).to.have.length(0);
  });

  it('knows a manifest by its first bytes', () => {
    const heads = ['{"dek-manifest":2', ' \n{"dek-release":1', '{"deks', '{"dek', '', ' '];
    expect(heads.map((head) => isManifest(text(head)))).to.deep.equal([true, true, false, false, false, false]);
  });

  it('goes by the length of the whole file where it has read the beginning of it', () => {
    const beginning = new Uint8Array(1 << 20).fill(200);
    expect(identify(beginning, 40 << 20).is).to.include('a raw stream of 1048576 values of 40 bytes, if it is one');
    expect(identify(beginning, 1e9 + 1).is).to.deep.equal(['nothing that dek knows: 1000000001 bytes']);
  });

  it('takes ciphertext alone for no secret', () => {
    const secret = (bytes: number) => identify(new Uint8Array(bytes).fill(200)).maybeSecret;
    expect([16, 32, 40, 48, 64, 72, 80].map(secret)).to.deep.equal([true, true, true, false, true, true, false]);
  });
});
