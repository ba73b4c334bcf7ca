/** dek manifest fetch: from a real KMIP server to DEKs on a NIC. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {openManifest} from '../../src/manifest/index.js';
import {readHeader} from '../../src/manifest/read.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {unwrapKey} from '../../src/wrap/kw.js';
import {json} from '../support/keys/key-files.js';
import {AnsweringServer, Certificates, freePort, PyKmip} from '../support/keys/kmip.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {DEK, type Run, runDek} from '../support/process/run-dek.js';

describe('manifest fetch', () => {
  const values = [randomBytes(32), randomBytes(64)];
  let device: TestDevice;
  let certificates: Certificates;
  let server: PyKmip;
  let kekId: string;
  let credential: string;

  before(async () => {
    device = await testDevice();
    certificates = new Certificates();
    server = await PyKmip.start(certificates);
    const kek = {names: ['kek'], value: device.kek, masks: ['WRAP_KEY' as const], active: true};
    [kekId] = server.register([kek, ...values.map((value, i) => ({names: [`vol-${i}`], value}))]) as [string];
    credential = join(certificates.directory, 'credential');
    fs.writeFileSync(credential, device.wrappedCredential);
  });
  after(async () => {
    await server.kill();
    certificates.remove();
    device.remove();
  });

  const path = (name: string) => join(certificates.directory, name);
  function fetch(
    output: string,
    {hosts = `127.0.0.1:${server.port}`, id = kekId, more = ['--name', 'vol-*']} = {},
  ): Promise<Run> {
    const login = ['--import-kek-id', `${device.kekId}`, '--credential-id', `${device.credentialId}`];
    const uri = `kmip://${hosts}/${id}${certificates.query()}`;
    return runDek(['manifest', 'fetch', uri, ...login, '--credential', credential, '-o', path(output), ...more]);
  }
  const first = (stderr: string) => stderr.split('\n')[0];

  it('makes a manifest whose DEKs a NIC takes, and that holds the keys of the server', async () => {
    const kcv = Buffer.from(keyCheckValue(device.kek)).toString('hex');
    const {status, stderr} = await fetch('one', {more: ['--name', 'vol-*', '--kcv', kcv]});
    expect(status, stderr).to.equal(0);
    expect(first(stderr)).to.match(/^fetched 2 DEKs: generation 1 of manifest \w{32}, issued /);
    const {header, entries} = await openManifest(path('one'));
    expect(header.importKekKcv).to.deep.equal(keyCheckValue(device.kek));
    const found: string[] = [];
    for await (const {name, wrapped} of entries) {
      found.push(name);
      expect(Buffer.compare(unwrapKey(device.kek, wrapped), values[Number(name.slice(4))]!)).to.equal(0);
    }
    expect(found).to.deep.equal(['vol-0', 'vol-1']);
    const list = `"${process.execPath}" "${DEK}" list --json`;
    const run = device.run(process.execPath, [DEK, 'run', '--manifest', path('one'), '--', 'sh', '-c', list]);
    expect(run.status, run.stderr).to.equal(0);
    expect(run.stdout.match(/"READY"/g)).to.have.length(2);
  });

  it('does without a key check value', async () => {
    expect((await fetch('no-kcv')).status).to.equal(0);
    expect((await readHeader(path('no-kcv'))).importKekKcv).to.equal(null);
  });

  it('leaves a manifest as it is when nothing has changed, and else makes its next generation', async () => {
    await fetch('again');
    const before = fs.readFileSync(path('again'), 'utf8');
    const same = json(await fetch('again', {more: ['--name', 'vol-*', '--json']}));
    expect([same['changed'], same['deks']]).to.deep.equal([false, 2]);
    expect(fs.readFileSync(path('again'), 'utf8')).to.equal(before);
    server.register([{names: ['vol-9'], value: randomBytes(32)}]);
    const next = json(await fetch('again', {more: ['--name', 'vol-*', '--json']}));
    expect([next['changed'], next['added'], next['removed']]).to.deep.equal([true, ['vol-9'], []]);
    expect(next['edition']).to.include({generation: 2, id: (same['edition'] as {id: string}).id});
  });

  it('refuses that a key is gone, or is another, unless it is meant', async () => {
    const [id] = server.register([{names: ['x-1'], value: randomBytes(32)}]) as [string];
    server.register([{names: ['x-2'], value: randomBytes(32)}]);
    const more = ['--name', 'x-*', '--json'];
    expect((await fetch('x', {more})).status).to.equal(0);
    const before = fs.readFileSync(path('x'), 'utf8');
    server.destroy([id]);
    const gone = await fetch('x', {more});
    expect([gone.status, json(gone)['error']]).to.deep.equal([
      5,
      {
        code: 'EXISTS',
        message: `x-1 is in ${path('x')}, and no longer at the server`,
        hint: 'what was written with it can then not be read any more; if that is meant: --prune',
      },
    ]);
    server.register([{names: ['x-1'], value: randomBytes(32)}]);
    const other = await fetch('x', {more});
    expect((json(other)['error'] as {message: string}).message).to.equal(
      `x-1 is another key at the server than in ${path('x')}`,
    );
    expect(fs.readFileSync(path('x'), 'utf8')).to.equal(before);
    const meant = json(await fetch('x', {more: [...more, '--replace-key', 'x-1']}));
    expect(meant['replaced']).to.deep.equal(['x-1']);
    const fewer = json(await fetch('x', {more: ['--name', 'x-2', '--prune', '--json']}));
    expect(fewer['removed']).to.deep.equal(['x-1']);
  });

  it('takes the next server when one is not there or leaves in the middle', async () => {
    let requests = 0;
    const leaving = await AnsweringServer.start(certificates, () => {
      requests++;
      return 'leave';
    });
    const hosts = [await freePort(), leaving.port, server.port].map((port) => `127.0.0.1:${port}`).join(',');
    const {status, stderr} = await fetch('fail-over', {hosts});
    leaving.close();
    expect([status, requests], stderr).to.deep.equal([0, 1]);
  });

  it('keeps the last good copy when no server answers', async () => {
    await fetch('kept');
    const before = fs.readFileSync(path('kept'), 'utf8');
    const {status, stderr} = await fetch('kept', {hosts: `127.0.0.1:${await freePort()}`});
    expect([status, first(stderr)?.replace(/:\d+:/, ':PORT:')]).to.deep.equal([
      1,
      'error: no KMIP server could be used: 127.0.0.1:PORT: nothing listens there',
    ]);
    expect(fs.readFileSync(path('kept'), 'utf8')).to.equal(before);
  });

  for (const [what, options, status, message] of [
    ['a KEK that is not there', {id: '4711'}, 3, /refused: Could not locate object: 4711 \(Item Not Found\)$/],
    ['a name that no key has', {more: ['--name', 'nothing']}, 3, /has no such keys$/],
    ['a group that no key is in', {more: ['--group', 'nothing']}, 3, /has no such keys$/],
    [
      'a name and a group',
      {more: ['--name', 'x', '--group', 'y']},
      2,
      /^error: --group and --name exclude each other$/,
    ],
    ['a KCV that is none', {more: ['--kcv', '12']}, 2, /--kcv expected 10 hex digits/],
  ] as const) {
    it(`refuses ${what}, and writes nothing`, async () => {
      const result = await fetch('nothing', {
        ...options,
        more: 'more' in options ? [...options.more] : ['--name', 'vol-*'],
      });
      expect(result.status, result.stderr).to.equal(status);
      expect(first(result.stderr)).to.match(message);
      expect(fs.existsSync(path('nothing'))).to.equal(false);
    });
  }

  it('does not replace a file that is no manifest', async () => {
    fs.writeFileSync(path('other'), 'something else\n');
    expect((await fetch('other')).status).to.equal(2);
    expect(fs.readFileSync(path('other'), 'utf8')).to.equal('something else\n');
  });
});
