import fs from 'node:fs';
import {expect} from 'chai';
import {unwrapCredential, wrapCredential} from '../../src/wrap/index.js';
import {json, KCV, KEK, KeyFiles} from '../support/keys/key-files.js';
import {runDek} from '../support/process/run-dek.js';

const CREDENTIAL = new Uint8Array(40).map((_, i) => 0xc0 + i);

describe('credential wrap', () => {
  const files = new KeyFiles();
  const {kek} = files;

  it('wraps 40 bytes into 48', async () => {
    const {status, stdout, stderr} = await runDek(['credential', 'wrap', '-', '--kek', kek], {input: CREDENTIAL});
    expect(status).to.equal(0);
    expect(unwrapCredential(KEK, new Uint8Array(stdout))).to.deep.equal(CREDENTIAL);
    expect(stderr).to.equal(`wrapped a credential into 48 bytes under the KEK with KCV ${KCV}\n`);
  });

  it('writes hex into a file, as DPDK reads it', async () => {
    const output = files.path('credential.hex');
    const source = `file:${files.write('credential', CREDENTIAL)}`;
    const args = ['credential', 'wrap', source, '--kek', kek, '--output', output, '--format', 'hex', '--json'];
    const wrapped = Buffer.from(wrapCredential(KEK, CREDENTIAL)).toString('hex');
    expect(json(await runDek(args))).to.deep.equal({wrapped, kekKcv: KCV, output});
    expect(fs.readFileSync(output, 'latin1')).to.equal(`${wrapped}\n`);
  });

  it('refuses 48 bytes: wrapped already?', async () => {
    const {status, stderr} = await runDek(['credential', 'wrap', '-', '--kek', kek], {input: new Uint8Array(48)});
    expect([status, stderr]).to.deep.equal([2, 'error: "credential" standard input holds 48 bytes, expected 40\n']);
  });
});
