import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import type {DekError} from '../../../src/errors.js';
import {parseAllowedSigners} from '../../../src/manifest/signature/allowed-signers.js';
import {isSignatureOf} from '../../../src/manifest/signature/check.js';
import {digestsOf} from '../../../src/manifest/signature/digests.js';
import {privateKeyOf} from '../../../src/manifest/signature/private-key.js';
import {parsePublicKey} from '../../../src/manifest/signature/public-key.js';
import {makeSignature} from '../../../src/manifest/signature/sign.js';
import {formatSignature, parseSignatures} from '../../../src/manifest/signature/sshsig.js';
import {verifySignatures} from '../../../src/manifest/signature/verify.js';
import {refusal} from '../../support/keys/arbitrary.js';
import {KEY_KINDS, SshKeys} from '../../support/keys/ssh-keys.js';
import {readSignatureVectors, type SignatureVector} from '../../support/keys/vectors.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const known = readSignatureVectors();
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** Whether it is a signature of `data`. */
function checks({publicKey, signature}: SignatureVector, data: string): boolean {
  const key = parsePublicKey(Buffer.from(publicKey, 'base64'), 'key');
  const [parsed] = parseSignatures(bytesOf(signature));
  return isSignatureOf(parsed!, key, digestsOf(bytesOf(data)));
}

describe('sshsig: signatures of OpenSSH', () => {
  for (const vector of known.vectors) {
    it(`verifies ${vector.id}, and not of other data`, () => {
      expect(checks(vector, known.data)).to.equal(true);
      expect(checks(vector, `${known.data}.`)).to.equal(false);
      expect(formatSignature(parseSignatures(bytesOf(vector.signature))[0]!)).to.equal(vector.signature);
    });

    it(`refuses ${vector.id} with any byte altered, and never breaks`, () => {
      const [parsed] = parseSignatures(bytesOf(vector.signature));
      const key = parsePublicKey(Buffer.from(vector.publicKey, 'base64'), 'key');
      const digests = digestsOf(bytesOf(known.data));
      for (const i of parsed!.signature.keys()) {
        const signature = parsed!.signature.slice();
        signature[i]! ^= 1;
        const result = refusal(() => {
          if (isSignatureOf({...parsed!, signature}, key, digests)) throw new Error(`byte ${i} does not count`);
        });
        expect(result).to.be.oneOf(['no error', 'BAD_INPUT']);
      }
    });
  }

  for (const vector of known.refused) {
    it(`refuses ${vector.id}`, () => expect(refusal(() => checks(vector, known.data))).to.equal('BAD_INPUT'));
  }

  it('does not take a signature of a FIDO key that nobody touched', () => {
    for (const vector of known.vectors.filter(({id}) => id.endsWith('_sk'))) {
      const [parsed] = parseSignatures(bytesOf(vector.signature));
      const signature = parsed!.signature.slice();
      expect(signature.at(-5)).to.equal(1); // its flags
      signature[signature.length - 5] = 0;
      const key = parsePublicKey(Buffer.from(vector.publicKey, 'base64'), 'key');
      expect(isSignatureOf({...parsed!, signature}, key, digestsOf(bytesOf(known.data)))).to.equal(false);
    }
  });
});

describe('sshsig beside ssh-keygen', () => {
  const keys = new SshKeys(temporaryDirectory());
  const file = join(keys.directory, 'file');
  const data = 'any file\n';
  const digests = digestsOf(bytesOf(data));
  before(() => fs.writeFileSync(file, data));
  after(() => fs.rmSync(keys.directory, {recursive: true}));

  for (const [kind, args] of Object.entries(KEY_KINDS)) {
    it(`signs and verifies with ${kind}, both ways`, async () => {
      const path = keys.make(kind, args);
      const allowed = keys.allow(`${kind}.allowed`, ['alice', path]);
      const key = privateKeyOf(new Uint8Array(fs.readFileSync(path)), 'key');
      expect(key.publicKey.fingerprint).to.equal(keys.fingerprint(path));
      const ours = join(keys.directory, `${kind}.ours`);
      fs.writeFileSync(ours, formatSignature(await makeSignature(key, 'dek-manifest', digests)));
      expect(keys.isGood(ours, 'alice', 'dek-manifest', allowed, file)).to.equal(true);
      expect(keys.isGood(ours, 'alice', 'dek-release', allowed, file)).to.equal(false);

      const theirs = new Uint8Array(fs.readFileSync(keys.sign(path, 'dek-manifest', file)));
      const trust = {signers: parseAllowedSigners(fs.readFileSync(allowed)), threshold: 1};
      const [signer] = verifySignatures(theirs, 'dek-manifest', digests, trust, null);
      expect(signer).to.include({principal: 'alice', fingerprint: keys.fingerprint(path)});
      expect(refusal(() => verifySignatures(theirs, 'dek-release', digests, trust, null))).to.equal('UNSIGNED');
      const others = digestsOf(bytesOf('another file\n'));
      expect(refusal(() => verifySignatures(theirs, 'dek-manifest', others, trust, null))).to.equal('BAD_SIGNATURE');
    });
  }

  it('takes a private key of each length that comes, with leading zeros in its numbers', async () => {
    for (let i = 0; i < 40; i++) {
      const path = keys.make(`many-${i}`, KEY_KINDS['p521']);
      const key = privateKeyOf(new Uint8Array(fs.readFileSync(path)), 'key');
      await makeSignature(key, 'dek-manifest', digests); // which verifies it
    }
  });

  it('tells a passphrase, PEM, RSA of 1,024 bits and a key that was cut off', () => {
    const told = (path: string, cut = 0): string => {
      const text = fs.readFileSync(path);
      try {
        privateKeyOf(new Uint8Array(text.subarray(0, text.length - cut)), 'KEY');
      } catch (error) {
        return (error as DekError).message;
      }
      return 'no error';
    };
    expect(told(keys.make('locked', KEY_KINDS['ed25519'], 'secret phrase'))).to.equal('KEY has a passphrase');
    expect(told(keys.make('pem', ['-t', 'ecdsa', '-m', 'PEM']))).to.equal('KEY is no private key of OpenSSH');
    expect(told(keys.make('short', ['-t', 'rsa', '-b', '1024']))).to.contain('fewer than 2048');
    expect(told(keys.make('cut'), 40)).to.equal('KEY is no private key of OpenSSH');
  });
});

describe('sshsig: hostile input', () => {
  const texts = known.vectors.map(({signature}) => signature);
  /** What the parser says of a file: nothing but BAD_INPUT, or signatures. */
  const survives = (file: Uint8Array): void => {
    expect(refusal(() => parseSignatures(file))).to.be.oneOf(['no error', 'BAD_INPUT']);
  };

  it('takes any bytes for what they are', () => {
    fc.assert(fc.property(fc.uint8Array({maxLength: 300}), survives));
    fc.assert(fc.property(fc.string({maxLength: 300}), (text) => survives(bytesOf(text))));
  });

  it('takes an altered file for what it is', () => {
    const altered = fc.tuple(fc.constantFrom(...texts), fc.nat(), fc.string({maxLength: 3}), fc.nat(20));
    fc.assert(
      fc.property(altered, ([text, place, put, gone]) => {
        const at = place % text.length;
        survives(bytesOf(text.slice(0, at) + put + text.slice(at + gone)));
      }),
    );
  });

  it('takes altered bytes in the armor for what they are', () => {
    const altered = fc.tuple(fc.constantFrom(...texts), fc.nat(), fc.uint8Array({minLength: 1, maxLength: 4}));
    fc.assert(
      fc.property(altered, ([text, place, put]) => {
        const lines = text.trim().split('\n');
        const blob = Buffer.from(lines.slice(1, -1).join(''), 'base64');
        blob.set(put.subarray(0, blob.length), place % (blob.length - put.length));
        const file = [lines[0], blob.toString('base64'), lines.at(-1), ''].join('\n');
        survives(bytesOf(file));
      }),
    );
  });

  it('takes any bytes as a public key for what they are', () => {
    const blobs = known.vectors.map(({publicKey}) => Buffer.from(publicKey, 'base64'));
    const altered = fc.tuple(fc.constantFrom(...blobs), fc.nat(), fc.uint8Array({minLength: 1, maxLength: 8}));
    fc.assert(
      fc.property(altered, ([blob, place, put]) => {
        const bytes = Buffer.from(blob);
        bytes.set(put, place % (blob.length - put.length));
        expect(refusal(() => parsePublicKey(bytes, 'key'))).to.be.oneOf(['no error', 'BAD_INPUT']);
      }),
    );
  });

  it('refuses too many, too much and nothing', () => {
    expect(refusal(() => parseSignatures(new Uint8Array()))).to.equal('BAD_INPUT');
    expect(refusal(() => parseSignatures(bytesOf(texts[0]!.repeat(33))))).to.equal('BAD_INPUT');
    expect(refusal(() => parseSignatures(bytesOf('\n'.repeat(2 ** 18 + 1))))).to.equal('BAD_INPUT');
    expect(parseSignatures(bytesOf(texts[0]!.repeat(32)))).to.have.length(32);
  });
});
