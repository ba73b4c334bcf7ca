/**
 * Each vector of this folder against three implementations that are not ours: @noble/ciphers, OpenSSL through
 * node:crypto, and python3-cryptography, which made the files (make.py).
 */
import {execFileSync} from 'node:child_process';
import {createCipheriv, createDecipheriv} from 'node:crypto';
import {fileURLToPath} from 'node:url';
import {aeskw, cmac} from '@noble/ciphers/aes.js';
import {expect} from 'chai';
import {bytes, readVectors} from '../support/keys/vectors.js';

const DEFAULT_IV = Buffer.alloc(8, 0xa6);

/** OpenSSL's names for key wrap are in no list of @types/node. */
function opensslName(kek: Uint8Array): 'aes-256-cbc' {
  return `id-aes${kek.length * 8}-wrap` as 'aes-256-cbc';
}

function opensslWrap(kek: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv(opensslName(kek), kek, DEFAULT_IV);
  return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

function opensslUnwrap(kek: Uint8Array, wrapped: Uint8Array, iv = DEFAULT_IV): Buffer {
  const decipher = createDecipheriv(opensslName(kek), kek, iv);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

/**
 * CMAC over one zero block by its definition, NIST SP 800-38B section 6.2: OpenSSL's CMAC has no way in from Node 20.
 */
function opensslCmac(kek: Uint8Array): Buffer {
  const encrypt = (block: Buffer) => {
    const cipher = createCipheriv(kek.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb', kek, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(block), cipher.final()]);
  };
  const L = BigInt(`0x${encrypt(Buffer.alloc(16)).toString('hex')}`);
  const K1 = BigInt.asUintN(128, L << 1n) ^ (L >> 127n ? 0x87n : 0n);
  return encrypt(Buffer.from(K1.toString(16).padStart(32, '0'), 'hex'));
}

describe('vectors', () => {
  const sets = (['rfc3394', 'dek', 'credential', 'nvidia'] as const).map(readVectors);

  for (const {id, kek, plaintext, wrapped} of sets.flatMap(({vectors, kek24}) => [...vectors, ...kek24])) {
    it(`@noble/ciphers agrees on ${id}`, () => {
      expect(aeskw(bytes(kek)).encrypt(bytes(plaintext))).to.deep.equal(bytes(wrapped));
      expect(aeskw(bytes(kek)).decrypt(bytes(wrapped))).to.deep.equal(bytes(plaintext));
    });

    it(`OpenSSL agrees on ${id}`, () => {
      expect(opensslWrap(bytes(kek), bytes(plaintext)).toString('hex')).to.equal(wrapped);
      expect(opensslUnwrap(bytes(kek), bytes(wrapped)).toString('hex')).to.equal(plaintext);
    });
  }

  for (const {id, kek, wrapped, error} of sets.flatMap(({refused}) => refused)) {
    if (error === 'EQUAL_KEYS') {
      // Sound for key wrap, which does not know what it wraps; the refusal is ours.
      it(`both unwrap ${id} to equal keys`, () => {
        const plaintext = opensslUnwrap(bytes(kek), bytes(wrapped));
        const keyBytes = plaintext.length - (plaintext.length % 32);
        expect(plaintext.subarray(0, keyBytes / 2)).to.deep.equal(plaintext.subarray(keyBytes / 2, keyBytes));
        expect(Buffer.from(aeskw(bytes(kek)).decrypt(bytes(wrapped)))).to.deep.equal(plaintext);
      });
    } else {
      it(`both refuse ${id}`, () => {
        expect(() => aeskw(bytes(kek)).decrypt(bytes(wrapped))).to.throw();
        expect(() => opensslUnwrap(bytes(kek), bytes(wrapped))).to.throw();
      });
    }
  }

  for (let i = 0; i < 8; i++) {
    it(`the vector of byte ${i} of the IV is sound but for that byte`, () => {
      const vector = sets[1]!.refused.find(({id}) => id.endsWith(`-iv-byte-${i}`))!;
      const iv = Buffer.from(DEFAULT_IV).fill(0xa7, i, i + 1);
      const good = sets[1]!.vectors.find(({id}) => vector.id.startsWith(`${id}-iv`))!;
      expect(opensslUnwrap(bytes(vector.kek), bytes(vector.wrapped), iv).toString('hex')).to.equal(good.plaintext);
    });
  }

  for (const {id, kek, kcv} of readVectors('kcv').vectors) {
    it(`@noble/ciphers and OpenSSL agree on ${id}`, () => {
      expect(Buffer.from(cmac(new Uint8Array(16), bytes(kek))).toString('hex', 0, 5)).to.equal(kcv);
      expect(opensslCmac(bytes(kek)).toString('hex', 0, 5)).to.equal(kcv);
    });
  }

  it('python3-cryptography computes these very files', () => {
    const script = fileURLToPath(new URL('../../../vectors/make.py', import.meta.url));
    execFileSync('/usr/bin/python3', ['-B', script, '--check'], {stdio: ['ignore', 'ignore', 'pipe']});
  });
});
