/** A token of SoftHSM2 for tests, in a directory of its own, with keys whose values are known. */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {CKA, CKK, CKO_SECRET_KEY, CKU_USER} from '../../../src/pkcs11/cryptoki.js';
import {templateOf, ulong} from '../../../src/pkcs11/ffi.js';
import {Session} from '../../../src/pkcs11/session.js';
import {compileProgram} from '../process/compile.js';
import {temporaryDirectory} from '../temporary-directory.js';

/** SoftHSM2's module, as Debian has it. */
export const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
export const PIN = '246813';

const CKF_SERIAL_SESSION_RW = 6;

export class TestToken {
  readonly directory = temporaryDirectory();
  readonly label: string;
  readonly pin: string;
  readonly env: {SOFTHSM2_CONF: string};

  /** Makes a token with this label, and puts SOFTHSM2_CONF into the environment. */
  constructor(label = 'officer') {
    this.label = label;
    fs.mkdirSync(join(this.directory, 'tokens'));
    const conf = this.#write('softhsm2.conf', `directories.tokendir = ${join(this.directory, 'tokens')}\n`);
    this.env = {SOFTHSM2_CONF: conf};
    process.env['SOFTHSM2_CONF'] = conf;
    this.pin = this.#write('pin', `${PIN}\n`);
    this.addToken(label);
  }

  /** One more token. */
  addToken(label: string): void {
    const args = ['--init-token', '--free', '--label', label, '--pin', PIN, '--so-pin', '13572468'];
    execFileSync('softhsm2-util', args, {env: {...process.env, ...this.env}, stdio: 'pipe'});
  }

  /** Puts a key into the token, with which all is allowed. */
  addKey(label: string, id: string, key: Uint8Array): void {
    const file = this.#write('key', key);
    this.tool(
      ...['--write-object', file, '--type', 'secrkey', '--key-type', `AES:${key.length}`],
      ...['--label', label, '--id', id, '--sensitive', '--usage-wrap', '--usage-sign', '--usage-decrypt'],
    );
    fs.rmSync(file);
  }

  /** Puts a key into the token that may be wrapped. */
  addKeyToWrap(label: string, id: string, key: Uint8Array): void {
    const file = this.#write('key', key);
    const what = ['--type', 'secrkey', '--key-type', `AES:${key.length}`, '--label', label, '--id', id];
    this.tool('--write-object', file, ...what, '--extractable');
    fs.rmSync(file);
  }

  /** Wraps a key of the token so many times, by a run of pkcs11-tool each; returns it wrapped. */
  wrapByTool(times: number, kekId: string, keyId: string): Buffer {
    const output = join(this.directory, 'wrapped');
    for (let i = 0; i < times; i++) {
      this.tool('--wrap', '--mechanism', 'AES-KEY-WRAP', '--id', kekId, '--application-id', keyId, '-o', output);
    }
    return fs.readFileSync(output);
  }

  /** Puts a key with a policy into the token, which pkcs11-tool cannot: through its module, in this process. */
  addKeyWith(label: string, key: Uint8Array, policy: readonly (readonly [attribute: number, value: boolean])[]): void {
    const {module} = new Session(SOFTHSM, {token: this.label});
    const [slots, count, session, object] = [new BigUint64Array(16), ulong(16), ulong(), ulong()];
    module.call('C_GetSlotList', 1, slots, count);
    const isOurs = (slot: bigint): boolean => {
      const info = new Uint8Array(208);
      module.call('C_GetTokenInfo', slot, info);
      return Buffer.from(info.subarray(0, 32)).toString().trimEnd() === this.label;
    };
    module.call('C_OpenSession', [...slots].find(isOurs)!, CKF_SERIAL_SESSION_RW, null, null, session);
    module.call('C_Login', session[0]!, CKU_USER, Buffer.from(PIN), PIN.length);
    const template = templateOf([
      ...([
        [CKA.CLASS, CKO_SECRET_KEY],
        [CKA.KEY_TYPE, CKK.AES],
        [CKA.TOKEN, true],
        [CKA.SENSITIVE, true],
      ] as const),
      ...([
        [CKA.LABEL, Buffer.from(label)],
        [CKA.VALUE, key],
      ] as const),
      ...policy,
    ]);
    module.call('C_CreateObject', session[0]!, template.bytes, template.count, object);
    module.call('C_Finalize', null);
  }

  /** pkcs11-tool, logged in; what it prints. */
  tool(...args: string[]): string {
    const all = ['--module', SOFTHSM, '--token-label', this.label, '--login', '--pin', PIN, ...args];
    return execFileSync('pkcs11-tool', all, {env: {...process.env, ...this.env}, stdio: 'pipe'}).toString();
  }

  /** The URI of a key in it: `path` has more attributes, and `query` replaces what has to stand there. */
  uri(
    object: string,
    {path = '', query = '', module = SOFTHSM}: {path?: string; query?: string; module?: string} = {},
  ) {
    const pin = `pin-source=file:${this.pin}`;
    return `pkcs11:token=${this.label};object=${object}${path}?module-path=${module}&${pin}${query}`;
  }

  remove(): void {
    fs.rmSync(this.directory, {recursive: true, force: true});
    delete process.env['SOFTHSM2_CONF'];
  }

  #write(name: string, content: Uint8Array | string): string {
    fs.writeFileSync(join(this.directory, name), content, {mode: 0o600});
    return join(this.directory, name);
  }
}

/** A module that does what `fault` says, in front of SoftHSM2: test/pkcs11/faulty.c. Returns its path. */
export function faultyModule(fault: string): string {
  process.env['REAL_MODULE'] = SOFTHSM;
  process.env['FAULT'] = fault;
  return compileProgram('pkcs11/faulty.c', ['-shared', '-fPIC']);
}
