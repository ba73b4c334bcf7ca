/** A re-wrap from one key of a token of SoftHSM2 to another. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {wrapKey} from '../../src/wrap/kw.js';
import {TestToken} from '../support/keys/token.js';
import {runDek} from '../support/process/run-dek.js';

describe('rewrap within a token', () => {
  const [old, fresh] = [randomBytes(32), randomBytes(16)];
  const credential = randomBytes(40);
  let token: TestToken;
  const path = (name: string): string => join(token.directory, name);
  const write = (name: string, bytes: Uint8Array): string => {
    fs.writeFileSync(path(name), bytes, {mode: 0o600});
    return `file:${path(name)}`;
  };
  const dek = async (...args: string[]): Promise<string> => {
    const {status, stderr} = await runDek(args);
    return `${status} ${stderr.split('\n')[0]}`;
  };
  /** The lines of the DEKs, and the login of the header. */
  const read = (name: string): {login: object; deks: string[]} => {
    const [header, ...deks] = fs.readFileSync(path(name), 'utf8').trimEnd().split('\n');
    const {importKekKcv, wrappedCredential} = JSON.parse(header!);
    return {login: {importKekKcv, wrappedCredential}, deks};
  };

  before(async () => {
    token = new TestToken();
    token.addKey('old', '01', old);
    token.addKey('fresh', '02', fresh);
    write('credential', wrapKey(old, credential));
    const login = ['--import-kek-id', '1', '--credential-id', '2', '--credential', path('credential')];
    const named = ['--name', 'vol-%d', '--count', '40', '--keytag', '--output', path('manifest')];
    expect(await dek('keygen', '--kek', write('old', old), ...named, ...login)).to.match(/^0 /);
  });
  after(() => token.remove());

  it('makes what one in this process makes', async () => {
    const [from, to] = [`file:${path('old')}`, write('fresh', fresh)];
    const here = ['--from', from, '--to', to, '--output', path('here')];
    expect(await dek('rewrap', path('manifest'), ...here)).to.match(/^0 re-wrapped 40 DEKs/);
    const there = ['--from', token.uri('old'), '--to', token.uri('fresh'), '--output', path('there')];
    expect(await dek('rewrap', path('manifest'), ...there)).to.match(/^0 re-wrapped 40 DEKs/);
    expect(read('there')).to.deep.equal(read('here'));
    expect(read('there').login).to.include({importKekKcv: Buffer.from(keyCheckValue(fresh)).toString('hex')});
  });

  it('refuses a DEK that was altered', async () => {
    const text = fs.readFileSync(path('manifest'), 'utf8').split('\n');
    const wrapped = JSON.parse(text[7]!).wrapped as string;
    text[7] = text[7]!.replace(
      wrapped,
      wrapped.replace(/^./, (digit) => (digit === 'A' ? 'B' : 'A')),
    );
    fs.writeFileSync(path('altered'), text.join('\n'));
    const args = ['--from', token.uri('old'), '--to', token.uri('fresh'), '--output', path('never')];
    expect(await dek('rewrap', path('altered'), ...args)).to.equal('6 error: line 8: wrapped: integrity check failed');
    expect(fs.existsSync(path('never'))).to.equal(false);
  });
});
