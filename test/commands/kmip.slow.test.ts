/** Commands with an import KEK at a KMIP server, Debian's PyKMIP. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {expect} from 'chai';
import {openManifest} from '../../src/manifest/index.js';
import {unwrapKey, wrapKey} from '../../src/wrap/kw.js';
import {json, plaintextOf} from '../support/keys/key-files.js';
import {Certificates, PyKmip} from '../support/keys/kmip.js';
import {runDek} from '../support/process/run-dek.js';

describe('commands with kmip://', () => {
  const kek = randomBytes(32);
  let certificates: Certificates;
  let server: PyKmip;
  let uri: string;

  before(async () => {
    certificates = new Certificates();
    server = await PyKmip.start(certificates);
    const [id] = server.register([{names: ['kek'], value: kek, masks: ['WRAP_KEY'], active: true}]);
    uri = `kmip://127.0.0.1:${server.port}/${id}${certificates.query()}`;
  });
  after(async () => {
    await server.kill();
    certificates.remove();
  });

  it('keygen makes a DEK there, of which nobody here knows more', async () => {
    const made = json(await runDek(['keygen', '--kek', uri, '--kcv', '0102030405', '--json']));
    expect(made).to.include({keySize: 256, keytag: null, dcv: null, kekKcv: '0102030405'});
    expect(unwrapKey(kek, Buffer.from(made['wrapped'] as string, 'hex')).length).to.equal(64);
    expect(json(await runDek(['keygen', '--kek', uri, '--size', '128', '--json']))['kekKcv']).to.equal(null);
  });

  it('keygen makes a manifest whose keys the server has under the same names', async () => {
    const [manifest, again] = [certificates.path('manifest'), certificates.path('again')];
    const credential = certificates.path('credential');
    fs.writeFileSync(credential, wrapKey(kek, randomBytes(40)));
    const login = ['--import-kek-id', '1', '--credential-id', '2', '--credential', credential];
    const make = ['keygen', '--kek', uri, '--count', '3', '--name', 'made-%d', ...login, '-o', manifest];
    const made = await runDek(make);
    expect(made.status, made.stderr).to.equal(0);
    const fetched = await runDek(['manifest', 'fetch', uri, '--name', 'made-*', ...login, '-o', again]);
    expect(fetched.status, fetched.stderr).to.equal(0);
    const keysIn = async (path: string) => {
      const keys: string[] = [];
      for await (const {name, wrapped} of (await openManifest(path)).entries) {
        keys.push(`${name} ${Buffer.from(wrapped).toString('hex')}`);
      }
      return keys;
    };
    expect(await keysIn(manifest)).to.have.length(3);
    expect(await keysIn(again)).to.deep.equal(await keysIn(manifest));
  });

  it('wrap says that it sends no key there', async () => {
    const {status, stdout, stderr} = await runDek(['wrap', '-', '--kek', uri], {input: plaintextOf(256, false)});
    expect([status, stdout.length]).to.deep.equal([4, 0]);
    expect(stderr).to.match(/does not wrap keys that are here\nhint: dek keygen makes keys there; dek manifest fetch/);
  });

  it('keygen refuses a keytag, which nobody would know', async () => {
    expect((await runDek(['keygen', '--kek', uri, '--keytag'])).status).to.equal(2);
  });
});
