import {execFileSync} from 'node:child_process';
import {createDecipheriv, createHash, randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {readSecret} from '../../src/custody/source.js';
import {wrapCredential} from '../../src/wrap/credential.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {forgetKeys, keyctl} from '../support/keys/keyctl.js';
import {DEK, runDek} from '../support/process/run-dek.js';
import {skipWithout} from '../support/skip.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {until} from '../support/until.js';

const KEK = new Uint8Array(randomBytes(32));
const KCV = toHex(keyCheckValue(KEK));

describe('dek kek', () => {
  const directory = temporaryDirectory();
  const file = (name: string, content: Uint8Array = KEK): string => {
    fs.writeFileSync(join(directory, name), content, {mode: 0o600});
    return `file:${join(directory, name)}`;
  };
  const kek = file('kek');
  const json = async (...args: string[]) => JSON.parse((await runDek(['kek', ...args, '--json'])).stdout.toString());
  const refusal = async (...args: string[]): Promise<string> => {
    const {status, stderr} = await runDek(['kek', ...args]);
    return `${status} ${stderr.split('\n')[0]}`;
  };
  after(() => fs.rmSync(directory, {recursive: true}));

  describe('show', () => {
    it('prints key check value and size, and nothing else', async () => {
      const {status, stdout, stderr} = await runDek(['kek', 'show', kek]);
      expect({status, stderr}).to.deep.equal({status: 0, stderr: ''});
      expect(stdout.toString()).to.equal(`KCV ${KCV}, 256 bits\n`);
      expect(await json('show', kek)).to.deep.equal({kcv: KCV, bits: 256});
    });

    it('checks the key check value that was written down', async () => {
      expect((await runDek(['kek', 'show', kek, '--kcv', KCV.toUpperCase()])).status).to.equal(0);
      expect(await refusal('show', kek, '--kcv', '0011223344')).to.equal(
        `6 error: "kek" has KCV ${KCV}, and 0011223344 was expected`,
      );
      expect(await refusal('show', kek, '--kcv', '00')).to.equal(
        '2 error: --kcv expected 10 hex digits, got 2 characters',
      );
    });

    it('wants one KEK', async () => {
      const either = '2 error: give either SOURCE or --kek-component';
      expect(await refusal('show')).to.equal(either);
      expect(await refusal('show', kek, '--kek-component', kek)).to.equal(either);
      expect(await refusal('show', '--kek-component', kek)).to.equal(
        '2 error: --kek-component is given two or more times',
      );
    });
  });

  describe('components', () => {
    const parts = join(directory, 'new', 'parts');
    const named = (names: readonly string[]) => names.flatMap((name) => ['--kek-component', `file:${name}`]);

    it('make a KEK that no one has, and tell all key check values', async () => {
      const made = await json('components', '3', '--output-dir', parts);
      const files: string[] = made.components.map(({file}: {file: string}) => file);
      expect(files).to.deep.equal([1, 2, 3].map((i) => join(parts, `component-${i}`)));
      expect(fs.statSync(parts).mode & 0o777).to.equal(0o700);
      const contents = files.map((name) => new Uint8Array(fs.readFileSync(name)));
      for (const name of files) expect(fs.statSync(name).mode & 0o777).to.equal(0o600);
      const joined = contents[0]!.map((byte, i) => byte ^ contents[1]![i]! ^ contents[2]![i]!);
      const kcvs = contents.map((content) => toHex(keyCheckValue(content)));
      expect(made).to.deep.include({kcv: toHex(keyCheckValue(joined)), bits: 256});
      expect(made.components.map(({kcv}: {kcv: string}) => kcv)).to.deep.equal(kcvs);
      const shown = await json('show', ...named(files.toReversed()));
      expect(shown).to.deep.equal({kcv: made.kcv, bits: 256, components: kcvs.toReversed()});

      const credential = file('credential', new Uint8Array(40).fill(3));
      const args = ['credential', 'wrap', credential, ...named(files), '--kcv', made.kcv];
      expect(new Uint8Array((await runDek(args)).stdout)).to.deep.equal(
        wrapCredential(joined, new Uint8Array(40).fill(3)),
      );
      expect((await runDek(['kek', 'components', '3', '--output-dir', parts])).status).to.equal(5);
    });

    it('are written all or not at all', async () => {
      const place = join(directory, 'full');
      fs.mkdirSync(place);
      fs.writeFileSync(join(place, 'component-2'), 'of somebody');
      expect(await refusal('components', '2', '--output-dir', place)).to.equal(`5 error: ${place}/component-2 exists`);
      expect(fs.readdirSync(place)).to.deep.equal(['component-2']);
    });

    it('may stand in hex, and may have 128 bits', async () => {
      const place = join(directory, 'hex');
      await json('components', '2', '--output-dir', place, '--size', '128', '--format', 'hex');
      expect(fs.readFileSync(join(place, 'component-1'), 'utf8')).to.match(/^[0-9a-f]{32}\n?$/);
    });

    for (const count of ['1', '17', 'three', '0x3', '-2']) {
      it(`are not ${count}`, async () => {
        expect((await runDek(['kek', 'components', '--output-dir', directory, '--', count])).status).to.equal(2);
      });
    }

    it('have to make a KEK', async () => {
      const [short, zeros] = [file('short', KEK.slice(16)), file('zeros', new Uint8Array(32))];
      const of = (...specs: string[]): Promise<string> =>
        refusal('show', ...specs.flatMap((s) => ['--kek-component', s]));
      expect(await of(kek, short)).to.equal('2 error: the components have 32 and 16 bytes');
      expect(await of(kek, zeros, kek)).to.equal('2 error: component 1 and component 3 are the same');
      expect(await of('fd:3', '-', 'fd:3')).to.match(/^2 error: two inputs come from one stream/);
      const sum = file(
        'sum',
        KEK.map((byte) => byte ^ 1),
      );
      expect(await of(kek, sum, file('one', new Uint8Array(32).fill(1)))).to.equal(
        '2 error: the components make a KEK of zeros',
      );
    });
  });

  describe('copy', () => {
    const mark = `dek-test-${randomBytes(6).toString('hex')}`;
    before(function () {
      skipWithout('keyrings', this);
    });
    after(() => forgetKeys(mark));
    const lines = (): string[] => fs.readFileSync('/proc/keys', 'utf8').split('\n');

    it('puts a KEK where later commands find it, for as long as was said', async () => {
      const target = `keyring:user:${mark}`;
      const result = await json('copy', kek, target, '--timeout', '1h');
      expect(result).to.deep.include({kcv: KCV, type: 'user', description: mark, ring: 'user', timeout: 3600});
      expect(keyctl(['search', '@u', 'user', mark])).to.equal(`${result.serial}`);
      const [line] = lines().filter((text) => text.includes(mark));
      expect(line).to.match(/ (59m|1h|60m) /);
      expect(await readSecret(target, [32], 'kek')).to.deep.equal(KEK);
      expect(await refusal('copy', kek, target)).to.equal(`5 error: ${target} exists`);
      const other = file('other', new Uint8Array(16).fill(9));
      expect(await json('copy', other, target, '--force', '--timeout', '1s')).to.deep.include({bits: 128, timeout: 1});
      await until(async () => (await refusal('show', target)).endsWith('the key has expired'));
      expect(await json('copy', kek, target)).to.deep.include({timeout: null});
    });

    it('makes an encrypted key, which the kernel opens by its master key and gives to nobody', async () => {
      const master = randomBytes(32);
      keyctl(['padd', 'user', `${mark}:master`, '@u'], master);
      const target = `keyring:encrypted:${mark}`;
      const {serial} = await json('copy', kek, target, '--master', `keyring:user:${mark}:master`);
      // Read back it is ciphertext, from which the kernel makes the same key again.
      const blob = keyctl(['print', `${serial}`]);
      expect(blob).to.match(new RegExp(`^default user:${mark}:master 32 [0-9a-f]{162}$`));
      expect(blob).to.not.include(toHex(KEK));
      // The kernel has checked its HMAC. What it decrypts, by trusted-encrypted.rst:
      const body = Buffer.from(blob.split(' ')[3]!, 'hex');
      const key = createHash('sha256')
        .update(Buffer.concat([Buffer.from('ENC_KEY\0'), master, Buffer.alloc(1)]))
        .digest();
      const decipher = createDecipheriv('aes-256-cbc', key, body.subarray(0, 16)).setAutoPadding(false);
      expect(new Uint8Array(decipher.update(body.subarray(17, 49)))).to.deep.equal(KEK);
      expect(await refusal('show', target)).to.match(/^2 error: "kek" keyring:encrypted:.* only the kernel/);
      const short = file('short16', KEK.slice(16));
      expect(await refusal('copy', short, `${target}:x`, '--master', `keyring:user:${mark}:master`)).to.equal(
        '2 error: encrypted keys have 20 bytes or more, and this KEK 16',
      );
      expect(await refusal('copy', kek, `${target}:x`, '--master', `keyring:user:${mark}:none`)).to.match(/^3 /);
      expect(await refusal('copy', kek, `${target}:x`)).to.equal('2 error: an encrypted key needs --master');
    });

    it('makes a logon key', async () => {
      const target = `keyring:logon:${mark}:x`;
      expect(await json('copy', kek, target)).to.deep.include({type: 'logon', description: `${mark}:x`});
      expect(await refusal('show', target)).to.match(/^2 error: .* the kernel gives a logon key to nobody/);
      expect(await refusal('copy', kek, 'keyring:logon:noprefix')).to.match(/^2 error: the description of a logon key/);
    });

    it('into the ring of the session only where that outlives it', async () => {
      const target = `keyring:user:${mark}:x`;
      const dek = `"${process.execPath}" "${DEK}" kek`;
      const script = `${dek} copy "$0" "$1" --ring session && exec ${dek} show "$1" --json`;
      const args = ['session', '-', 'sh', '-c', script, kek, target];
      const shown = execFileSync('keyctl', args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
      expect(JSON.parse(shown.slice(shown.indexOf('{')))).to.deep.equal({kcv: KCV, bits: 256});
      expect(await refusal('show', target)).to.match(/^3 /);
    });

    for (const target of ['', 'file:x', 'keyring:user:', 'keyring:trusted:x', 'keyring:big_key:x', 'user:x']) {
      it(`not to ${target || 'nothing'}`, async () => expect(await refusal('copy', kek, target)).to.match(/^2 /));
    }

    for (const time of ['1', '0s', '-1h', '1w', '9999999d', 'h']) {
      it(`not for ${time}`, async () => {
        expect(await refusal('copy', kek, `keyring:user:${mark}:x`, `--timeout=${time}`)).to.equal(
          '2 error: --timeout expected a time such as 90s, 30m, 12h or 7d',
        );
      });
    }
  });
});
