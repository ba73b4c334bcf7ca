import {execFileSync} from 'node:child_process';
import {expect} from 'chai';
import fc from 'fast-check';
import {secretBytes} from '../../../src/bytes.js';
import type {AesEngine} from '../../../src/wrap/aes/cipher.js';
import {
  chooseEngine,
  computesKnownAnswers,
  ENGINES,
  engineToUnwrap,
  engineToWrap,
  withEngine,
} from '../../../src/wrap/aes/engine.js';
import {keyCheckValue} from '../../../src/wrap/kcv.js';
import {unwrapKey, wrapKey} from '../../../src/wrap/kw.js';
import {exactly, kek, refusal} from '../../support/keys/arbitrary.js';
import {bytes, readVectors} from '../../support/keys/vectors.js';

const {'node:crypto': loadNodeCrypto, '@noble/ciphers': loadNoble} = ENGINES;

const EVAL = ['--input-type=module', '-e'];

/** node:crypto's AES, but that `spoil` gets the blocks after each encryption or decryption. */
function odd(spoil: {encrypted?: (blocks: Uint8Array) => void; decrypted?: (blocks: Uint8Array) => void}): AesEngine {
  const sound = loadNodeCrypto();
  const spoilt =
    (cipher: (blocks: Uint8Array) => void, spoil = (_blocks: Uint8Array) => {}) =>
    (blocks: Uint8Array) => {
      cipher(blocks);
      spoil(blocks);
    };
  return {
    name: 'libcrypto',
    encrypt: (kek, use) => sound.encrypt(kek, (cipher) => use(spoilt(cipher, spoil.encrypted))),
    decrypt: (kek, use) => sound.decrypt(kek, (cipher) => use(spoilt(cipher, spoil.decrypted))),
  };
}

describe('engine', () => {
  for (const [name, load] of Object.entries(ENGINES)) {
    describe(name, () => {
      const engine = load();

      it('bears its name and computes the known answers', () => {
        expect(engine.name).to.equal(name);
        expect(computesKnownAnswers(engine)).to.equal(true);
      });

      for (const set of ['rfc3394', 'dek', 'credential'] as const) {
        for (const {id, kek, plaintext, wrapped} of readVectors(set).vectors) {
          it(`wraps and unwraps ${id}`, () => {
            withEngine(engine, () => {
              expect(wrapKey(bytes(kek), bytes(plaintext))).to.deep.equal(bytes(wrapped));
              expect(unwrapKey(bytes(kek), bytes(wrapped))).to.deep.equal(bytes(plaintext));
            });
          });
        }
      }

      it('computes the check values', () => {
        for (const {id, kek, kcv} of readVectors('kcv').vectors) {
          expect(
            withEngine(engine, () => keyCheckValue(bytes(kek))),
            id,
          ).to.deep.equal(bytes(kcv));
        }
      });

      it('agrees with @noble/ciphers on any number of blocks, there and back', () => {
        const blocks = fc.integer({min: 1, max: 40}).chain((count) => exactly(16 * count));
        fc.assert(
          fc.property(kek, blocks, (kek, blocks) => {
            const [ours, nobles] = [secretBytes(blocks.length), secretBytes(blocks.length)];
            ours.set(blocks);
            nobles.set(blocks);
            engine.encrypt(kek, (encryptBlocks) => encryptBlocks(ours));
            loadNoble().encrypt(kek, (encryptBlocks) => encryptBlocks(nobles));
            expect(ours).to.deep.equal(nobles);
            engine.decrypt(kek, (decryptBlocks) => decryptBlocks(ours));
            expect(ours).to.deep.equal(blocks);
          }),
        );
      });

      it('lends two ciphers at once', () => {
        const block = secretBytes(16);
        const [one, two] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)];
        engine.encrypt(one, (first) =>
          engine.decrypt(two, (second) => {
            first(block);
            second(block);
          }),
        );
        loadNoble().encrypt(two, (encryptBlocks) => encryptBlocks(block));
        loadNoble().decrypt(one, (decryptBlocks) => decryptBlocks(block));
        expect(block).to.deep.equal(new Uint8Array(16));
      });

      it('returns what was made of the cipher, and hands on what was thrown', () => {
        expect(engine.encrypt(new Uint8Array(16), () => 7)).to.equal(7);
        const fails = () => {
          throw new Error('from inside');
        };
        expect(() => engine.decrypt(new Uint8Array(16), fails)).to.throw('from inside');
      });
    });
  }

  const oddities: [what: string, load: () => AesEngine][] = [
    [
      'is missing',
      () => {
        throw new Error('no such symbol');
      },
    ],
    ['throws when it is used', () => ({...odd({}), encrypt: () => expect.fail('EVP_EncryptInit_ex failed')})],
    [
      'does nothing',
      () => ({...odd({}), encrypt: (_kek, use) => use(() => {}), decrypt: (_kek, use) => use(() => {})}),
    ],
    ['encrypts wrongly', () => odd({encrypted: (blocks) => blocks.fill(0, 0, 1)})],
    ['decrypts wrongly', () => odd({decrypted: (blocks) => blocks.fill(1, 0, 1)})],
    ['is wrong from the ninth block on', () => odd({encrypted: (blocks) => blocks.fill(0, 8 * 16)})],
    ['is wrong in the last block', () => odd({encrypted: (blocks) => blocks.fill(0, blocks.length - 1)})],
  ];
  for (const [what, load] of oddities) {
    it(`passes over one that ${what}`, () => {
      expect(chooseEngine([load, loadNoble]).name).to.equal('@noble/ciphers');
    });
  }

  it('throws when none is left', () => {
    expect(refusal(() => chooseEngine(oddities.map(([, load]) => load)))).to.equal('SELFTEST_FAILED');
    const missing = oddities.slice(0, 2).map(([, load]) => load);
    expect(refusal(() => chooseEngine(missing))).to.equal('NO_LIBRARY');
  });

  it('gives many keys to libcrypto, and whatever is unwrapped', () => {
    expect(engineToWrap(100_000).name).to.equal('libcrypto');
    expect(engineToUnwrap().name).to.equal('libcrypto');
  });

  it('gives few keys to node:crypto, unless libcrypto is there already', () => {
    const engine = new URL('../../../src/wrap/aes/engine.js', import.meta.url);
    const script = `
      const {engineToWrap, engineToUnwrap} = await import('${engine}');
      const names = [engineToWrap(1), engineToWrap(200), engineToWrap(100), engineToWrap(1)].map(({name}) => name);
      console.log(names.join());`;
    const unwrapFirst = script.replace('const names', 'engineToUnwrap(); const names');
    const names = [script, unwrapFirst].map((script) => execFileSync(process.execPath, [...EVAL, script]).toString());
    expect(names).to.deep.equal([
      'node:crypto,node:crypto,libcrypto,libcrypto\n',
      'libcrypto,libcrypto,libcrypto,libcrypto\n',
    ]);
  });

  it('gives back the choice after withEngine, also when its call throws', () => {
    const noble = loadNoble();
    expect(withEngine(noble, () => [engineToWrap(100_000), engineToUnwrap()])).to.deep.equal([noble, noble]);
    expect(() => withEngine(noble, () => expect.fail('inside'))).to.throw('inside');
    expect(engineToWrap(100_000).name).to.equal('libcrypto');
  });
});
