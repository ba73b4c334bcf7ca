import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {readSecret} from '../../../src/custody/source.js';
import {DekError} from '../../../src/errors.js';
import {forgetKeys, keyctl} from '../../support/keys/keyctl.js';
import {DEK, runDek} from '../../support/process/run-dek.js';
import {skipWithout} from '../../support/skip.js';
import {until} from '../../support/until.js';

const KEY = new Uint8Array(randomBytes(32));

describe('a keyring as a source', () => {
  const mark = randomBytes(6).toString('hex');
  const names: string[] = [];
  const name = (): string => {
    names.push(`dek-test-${mark}:${names.length}`);
    return names.at(-1)!;
  };
  before(function () {
    skipWithout('keyrings', this);
  });
  after(() => forgetKeys(mark));
  const read = (spec: string): Promise<Uint8Array> => readSecret(spec, [16, 32], 'kek');
  const refusal = async (spec: string): Promise<string> => {
    const error = await read(spec).catch((error: unknown) => error);
    return error instanceof DekError ? `${error.code} ${error.message}` : `${error}`;
  };

  it('gives a key of the ring of the user, raw or in hex', async () => {
    const [raw, hex] = [name(), name()];
    keyctl(['padd', 'user', raw, '@u'], KEY);
    keyctl(['padd', 'user', hex, '@u'], Buffer.from(KEY).toString('hex'));
    expect(await read(`keyring:user:${raw}`)).to.deep.equal(KEY);
    expect(await read(`keyring:user:${hex}`)).to.deep.equal(KEY);
  });

  it('gives a key of the ring of the session', () => {
    const description = name();
    const dek = [process.execPath, DEK, 'kek', 'show', `keyring:user:${description}`, '--json'];
    const script = `keyctl padd user ${description} @s >/dev/null && exec "$@"`;
    const shown = execFileSync('keyctl', ['session', '-', 'sh', '-c', script, 'sh', ...dek], {
      input: KEY,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    expect(JSON.parse(shown.toString())).to.deep.include({bits: 256});
  });

  it('says so of none, of one that was revoked, and of one that has expired', async () => {
    const [revoked, expired] = [name(), name()];
    keyctl(['revoke', keyctl(['padd', 'user', revoked, '@u'], KEY)]);
    keyctl(['timeout', keyctl(['padd', 'user', expired, '@u'], KEY), '1']);
    const none = name();
    expect(await refusal(`keyring:user:${none}`)).to.equal(
      `NO_INPUT "kek" keyring:user:${none}: no such key in the session, user and process rings`,
    );
    const gone = await refusal(`keyring:user:${revoked}`);
    expect(gone).to.equal(`NO_INPUT "kek" keyring:user:${revoked}: the key was revoked`);
    await until(async () => (await refusal(`keyring:user:${expired}`)).endsWith('the key has expired'));
  });

  it('says so of one that this process may not read', async () => {
    const description = name();
    keyctl(['setperm', keyctl(['padd', 'user', description, '@u'], KEY), '0x01010000']);
    const expected = `PERMISSION "kek" keyring:user:${description}: the permissions of the key keep this process out`;
    expect(await refusal(`keyring:user:${description}`)).to.equal(expected);
  });

  it('says so of one of a wrong length', async () => {
    const description = name();
    keyctl(['padd', 'user', description, '@u'], KEY.slice(0, 20));
    const expected = `BAD_INPUT "kek" keyring:user:${description} holds 20 bytes, expected 16 or 32`;
    expect(await refusal(`keyring:user:${description}`)).to.equal(expected);
  });

  for (const [type, reason] of [
    ['encrypted', 'what the kernel gives of an encrypted key is ciphertext'],
    ['logon', 'the kernel gives a logon key to nobody'],
    ['trusted', 'what the kernel gives of a trusted key is sealed'],
    ['big_key', 'it has to be a user key'],
  ] as const) {
    it(`refuses keys of the type ${type}, with the reason`, async () => {
      expect(await refusal(`keyring:${type}:x:y`)).to.match(
        new RegExp(`^BAD_ARGUMENT "kek" keyring:${type}:x:y cannot be read: ${reason}`),
      );
    });
  }

  for (const spec of ['keyring:', 'keyring:user', 'keyring:user:', 'keyring::x']) {
    it(`does not take ${spec} for a source`, async () => {
      expect(await refusal(spec)).to.equal('BAD_ARGUMENT "kek" is not a source');
    });
  }

  it('does not repeat a description that may be a key', async () => {
    const hex = Buffer.from(KEY).toString('hex');
    const {stderr, status} = await runDek(['kek', 'show', `keyring:user:${hex}`]);
    expect(status).to.equal(3);
    expect(stderr).to.not.include(hex);
  });
});
