import {aeskw} from '@noble/ciphers/aes.js';
import {expect} from 'chai';
import fc from 'fast-check';
import {secretBytes} from '../../src/bytes.js';
import {loadNodeCrypto} from '../../src/wrap/aes/node-aes.js';
import {unwrapInPlace, unwrapKey, wrapInPlace, wrapKey} from '../../src/wrap/kw.js';
import {kek, keyData, refusal} from '../support/keys/arbitrary.js';
import {bytes, readVectors} from '../support/keys/vectors.js';

const KEK = new Uint8Array(16).fill(1);

describe('kw', () => {
  const {vectors, refused, kek24} = readVectors('rfc3394');

  for (const {id, kek, plaintext, wrapped} of vectors) {
    it(`wraps ${id}`, () => expect(wrapKey(bytes(kek), bytes(plaintext))).to.deep.equal(bytes(wrapped)));
    it(`unwraps ${id}`, () => expect(unwrapKey(bytes(kek), bytes(wrapped))).to.deep.equal(bytes(plaintext)));
  }

  for (const {id, kek, wrapped, error} of refused) {
    it(`refuses ${id}`, () => expect(refusal(() => unwrapKey(bytes(kek), bytes(wrapped)))).to.equal(error));
  }

  for (const {id, kek, plaintext, wrapped} of kek24) {
    it(`computes ${id}, whose KEK of 24 bytes is not let in`, () => {
      const data = secretBytes(wrapped.length / 2);
      data.set(bytes(plaintext), 8);
      loadNodeCrypto().encrypt(bytes(kek), (encryptBlock) => wrapInPlace(encryptBlock, data));
      expect(data).to.deep.equal(bytes(wrapped));
      expect(loadNodeCrypto().decrypt(bytes(kek), (decryptBlock) => unwrapInPlace(decryptBlock, data))).to.equal(true);
      expect(data.subarray(8)).to.deep.equal(bytes(plaintext));
    });
  }

  for (const length of [0, 1, 8, 15, 17, 23, 24, 25, 31, 33, 64]) {
    it(`refuses a KEK of ${length} bytes`, () => {
      expect(refusal(() => wrapKey(new Uint8Array(length), new Uint8Array(16)))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => unwrapKey(new Uint8Array(length), new Uint8Array(24)))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const length of [0, 1, 7, 8, 9, 15, 17, 23, 25, 4095, 4097, 4104]) {
    it(`refuses a plaintext of ${length} bytes`, () => {
      expect(refusal(() => wrapKey(KEK, new Uint8Array(length)))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const length of [0, 1, 8, 16, 23, 25, 31, 33, 4103, 4105, 4112]) {
    it(`refuses ${length} wrapped bytes`, () => {
      expect(refusal(() => unwrapKey(KEK, new Uint8Array(length)))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const length of [16, 24, 32, 40, 64, 72, 248, 256, 2048, 4088, 4096]) {
    it(`agrees with @noble/ciphers on ${length} bytes`, () => {
      const plaintext = new Uint8Array(length).map((_, i) => i * 7);
      const wrapped = wrapKey(KEK, plaintext);
      expect(wrapped).to.deep.equal(aeskw(KEK).encrypt(plaintext));
      expect(unwrapKey(KEK, wrapped)).to.deep.equal(plaintext);
    });
  }

  it('round trips', () => {
    fc.assert(
      fc.property(kek, keyData, (kek, plaintext) => {
        const wrapped = wrapKey(kek, plaintext);
        expect(wrapped.length).to.equal(plaintext.length + 8);
        expect(unwrapKey(kek, wrapped)).to.deep.equal(plaintext);
      }),
    );
  });

  it('refuses another KEK', () => {
    fc.assert(
      fc.property(kek, kek, keyData, (kek, other, plaintext) => {
        fc.pre(Buffer.compare(kek, other) !== 0);
        expect(refusal(() => unwrapKey(other, wrapKey(kek, plaintext)))).to.equal('UNWRAP_FAILED');
      }),
    );
  });

  it('gives one error without detail, whatever the cause', () => {
    const wrapped = wrapKey(KEK, new Uint8Array(32));
    const messages = [0, 7, 8, 20, 39].map((at) => {
      try {
        unwrapKey(KEK, wrapped.slice().fill(wrapped[at]! ^ 0x80, at, at + 1));
        return 'no error';
      } catch (error) {
        return String(error);
      }
    });
    expect(new Set(messages)).to.deep.equal(new Set(['DekError: integrity check failed']));
  });

  it('does not alter its inputs, also when it fails', () => {
    fc.assert(
      fc.property(kek, keyData, (kek, plaintext) => {
        const [kekBefore, plaintextBefore] = [kek.slice(), plaintext.slice()];
        const wrapped = wrapKey(kek, plaintext);
        const altered = wrapped.slice().fill(wrapped[9]! ^ 1, 9, 10);
        const [wrappedBefore, alteredBefore] = [wrapped.slice(), altered.slice()];
        unwrapKey(kek, wrapped);
        refusal(() => unwrapKey(kek, altered));
        expect([kek, plaintext, wrapped, altered]).to.deep.equal([
          kekBefore,
          plaintextBefore,
          wrappedBefore,
          alteredBefore,
        ]);
      }),
    );
  });

  for (const offset of [1, 2, 3, 4, 7, 8]) {
    it(`takes views at offset ${offset} and returns buffers of its own`, () => {
      const [kek, plaintext] = [bytes(vectors[2]!.kek), bytes(vectors[2]!.plaintext)];
      const view = (data: Uint8Array) => {
        const memory = Buffer.alloc(data.length + 16, 0xee);
        memory.set(data, offset);
        return memory.subarray(offset, offset + data.length);
      };
      const wrapped = wrapKey(view(kek), view(plaintext));
      expect(wrapped).to.deep.equal(bytes(vectors[2]!.wrapped));
      const unwrapped = unwrapKey(view(kek), view(wrapped));
      expect(unwrapped).to.deep.equal(plaintext);
      for (const result of [wrapped, unwrapped]) expect(result.buffer.byteLength).to.equal(result.length);
    });
  }
});
