/**
 * The programs that people keep a KEK with, as Debian has them: age, clevis and tpm2-tools on a software TPM,
 * systemd-creds with a host key and with that TPM.
 */
import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {readSecret} from '../../../src/custody/source.js';
import {skipWithout} from '../../support/skip.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const KEY = new Uint8Array(32).map((_, i) => 7 * i);

describe('a KEK that is kept by', () => {
  const directory = temporaryDirectory();
  const file = (name: string): string => join(directory, name);
  const tcti = `swtpm:path=${file('tpm')}`;
  let tpm: ChildProcess | undefined;
  before(() => {
    fs.writeFileSync(file('kek'), KEY, {mode: 0o600});
    process.env['TPM2TOOLS_TCTI'] = tcti;
  });
  after(() => {
    tpm?.kill();
    delete process.env['TPM2TOOLS_TCTI'];
    fs.rmSync(directory, {recursive: true});
  });
  const read = (line: string): Promise<Uint8Array> => readSecret(`cmd:${line}`, [16, 32], 'kek');
  /** With the key as its standard input: a file, since a program that does not read it may have ended before. */
  const run = (program: string, ...args: string[]): Buffer => {
    const input = fs.openSync(file('kek'), 'r');
    try {
      return execFileSync(program, args, {cwd: directory, stdio: [input, 'pipe', 'ignore']});
    } finally {
      fs.closeSync(input);
    }
  };

  async function startTpm(): Promise<void> {
    if (tpm) return flush();
    fs.mkdirSync(file('state'));
    const sockets = ['--server', `type=unixio,path=${file('tpm')}`, '--ctrl', `type=unixio,path=${file('tpm.ctrl')}`];
    const flags = ['--tpm2', '--tpmstate', `dir=${file('state')}`, '--flags', 'not-need-init,startup-clear'];
    tpm = spawn('swtpm', ['socket', ...flags, ...sockets], {stdio: 'ignore'});
    await until(() => spawnSync('tpm2_getrandom', ['1'], {stdio: 'ignore'}).status === 0);
  }

  /** A software TPM has nobody who makes room in it. */
  function flush(): void {
    for (const what of ['-t', '-l', '-s']) run('tpm2_flushcontext', what);
  }

  it('age', async () => {
    run('age-keygen', '-o', file('identity'));
    const [, recipient] = /public key: (\S+)/.exec(fs.readFileSync(file('identity'), 'utf8'))!;
    run('age', '-r', recipient!, '-o', file('kek.age'));
    expect(await read(`age --decrypt --identity ${file('identity')} ${file('kek.age')}`)).to.deep.equal(KEY);
  });

  it('clevis, with a TPM', async () => {
    await startTpm();
    fs.writeFileSync(file('kek.jwe'), run('clevis', 'encrypt', 'tpm2', '{}'));
    flush();
    expect(await read(`sh -c "clevis decrypt < ${file('kek.jwe')}"`)).to.deep.equal(KEY);
  });

  it('tpm2-tools', async () => {
    await startTpm();
    run('tpm2_createprimary', '-Q', '-C', 'o', '-g', 'sha256', '-G', 'ecc', '-c', 'primary');
    run('tpm2_create', '-Q', '-C', 'primary', '-i', 'kek', '-u', 'sealed.pub', '-r', 'sealed.priv');
    run('tpm2_flushcontext', '-t');
    run('tpm2_load', '-Q', '-C', 'primary', '-u', 'sealed.pub', '-r', 'sealed.priv', '-c', 'sealed');
    flush();
    expect(await read(`tpm2_unseal -c ${file('sealed')}`)).to.deep.equal(KEY);
  });

  /** With a host key that is this test's own. */
  const credential = (withKey: string, ...more: string[]): Uint8Array => {
    const script = `mount -t tmpfs none /var/lib/systemd && systemd-creds setup && cd "$0" &&
      systemd-creds encrypt --with-key=${withKey} --name=kek ${more.join(' ')} kek - | tee kek.cred |
      systemd-creds decrypt --name=kek ${more.filter((word) => word.includes('device')).join(' ')} - -`;
    return new Uint8Array(run('unshare', '-m', 'sh', '-c', script, directory));
  };

  for (const [withKey, ...more] of [['host'], ['tpm2', '--tpm2-pcrs=7', `--tpm2-device=${tcti}`]] as const) {
    it(`systemd-creds, with ${withKey === 'host' ? 'a host key' : 'a TPM'}, for a unit`, async function () {
      skipWithout('mounts', this, spawnSync('unshare', ['-m', 'true']).status === 0);
      if (withKey === 'tpm2') await startTpm();
      // What systemd has decrypted lies so before a service with LoadCredentialEncrypted=.
      const credentials = file(`credentials-${withKey}`);
      fs.mkdirSync(credentials);
      fs.writeFileSync(join(credentials, 'kek'), credential(withKey, ...more), {mode: 0o400});
      expect(fs.readFileSync(file('kek.cred')).includes(Buffer.from(KEY))).to.equal(false);
      process.env['CREDENTIALS_DIRECTORY'] = credentials;
      try {
        expect(await readSecret('cred:kek', [16, 32], 'kek')).to.deep.equal(KEY);
      } finally {
        delete process.env['CREDENTIALS_DIRECTORY'];
      }
    });
  }
});
