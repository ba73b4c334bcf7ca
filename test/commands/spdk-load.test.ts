/** `dek spdk load` against a server that follows SPDK's schema. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {newEdition, writeManifest} from '../../src/manifest/index.js';
import {keyRequest} from '../../src/spdk/key-request.js';
import {keyCheckValue, wrapDek, wrapKey} from '../../src/wrap/index.js';
import {runDek} from '../support/process/run-dek.js';
import {SpdkServer} from '../support/spdk-server.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const KEK = new Uint8Array(32).map((_, i) => i + 1);
const half = (bytes: number, first: number) => new Uint8Array(bytes).map((_, i) => first + i);

describe('dek spdk load', () => {
  let directory: string;
  let spdk: SpdkServer;
  let socket: string;
  let count = 0;
  beforeEach(async () => {
    directory = temporaryDirectory();
    socket = join(directory, 'spdk.sock');
    spdk = await SpdkServer.listen(socket);
    fs.writeFileSync(join(directory, 'kek'), KEK, {mode: 0o600});
  });
  afterEach(async () => {
    await spdk.close();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  const manifest = async (
    deks: readonly {name: string; wrapped: Uint8Array; keySize: 128 | 256; keytag?: boolean}[],
  ) => {
    const header = {edition: newEdition(), devices: [], importKekKcv: keyCheckValue(KEK), login: null};
    const entries = deks.map((dek) => ({keytag: false, opaque: new Uint8Array(), ...dek}));
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeManifest(header, entries)) chunks.push(chunk);
    const path = join(directory, `manifest-${count++}`);
    fs.writeFileSync(path, Buffer.concat(chunks));
    return path;
  };
  const short = {
    name: 'vol-1',
    keySize: 128,
    wrapped: wrapDek(KEK, {key1: half(16, 1), key2: half(16, 0x80)}),
  } as const;
  const long = {
    name: 'vol "2"',
    keySize: 256,
    wrapped: wrapDek(KEK, {key1: half(32, 3), key2: half(32, 0x90)}),
  } as const;
  const run = async (path: string, ...more: string[]) => {
    const args = ['spdk', 'load', '--socket', socket, '--manifest', path, '--kek', `file:${join(directory, 'kek')}`];
    const {status, stdout, stderr} = await runDek([...args, ...more]);
    return {status, output: stdout.toString() + stderr};
  };

  it('gives each key under its name, and shows none of them', async () => {
    const {status, output} = await run(await manifest([short, {...long, name: 'vol-2'}]));
    expect([status, output]).to.deep.equal([0, `loaded 2 DEKs into ${socket}, in plaintext\n`]);
    expect(Object.fromEntries(spdk.keys)).to.deep.equal({
      'vol-1': [toHex(half(16, 1)), toHex(half(16, 0x80))],
      'vol-2': [toHex(half(32, 3)), toHex(half(32, 0x90))],
    });
    const json = await run(await manifest([{...short, name: 'vol-3'}]), '--json');
    expect(JSON.parse(json.output)).to.deep.equal({loaded: ['vol-3'], socket});
  });

  it('escapes a name as JSON wants it, and has no byte of a key outside of its two strings', () => {
    const request = Buffer.from(keyRequest(7, 'vol "2"', Buffer.concat([half(16, 1), half(16, 0x80)])));
    expect(JSON.parse(request.toString())).to.deep.equal({
      jsonrpc: '2.0',
      id: 7,
      method: 'accel_crypto_key_create',
      params: {name: 'vol "2"', cipher: 'AES_XTS', key: toHex(half(16, 1)), key2: toHex(half(16, 0x80))},
    });
  });

  it('loads only what was named, and knows what is not there', async () => {
    const path = await manifest([short, {...long, name: 'vol-2'}]);
    expect((await run(path, '--name', 'vol-2')).status).to.equal(0);
    expect([...spdk.keys.keys()]).to.deep.equal(['vol-2']);
    const missing = await run(path, '--name', 'vol-9');
    expect([missing.status, missing.output]).to.satisfy(
      ([code, text]: [number, string]) => code === 3 && /vol-9/.test(text),
    );
  });

  it('sends nothing when one of them has a keytag', async () => {
    const keys = {key1: half(16, 1), key2: half(16, 0x80), keytag: half(8, 0)};
    const tagged = {name: 'tagged', keySize: 128, keytag: true, wrapped: wrapDek(KEK, keys)} as const;
    const {status, output} = await run(await manifest([short, tagged]));
    expect([status, spdk.keys.size]).to.deep.equal([4, 0]);
    expect(output).to.contain('tagged has a keytag, and SPDK has none');
  });

  it('says what stays loaded when one is refused', async () => {
    const path = await manifest([short, {...long, name: 'vol-2'}]);
    spdk.keys.set('vol-2', ['', '']);
    const {status, output} = await run(path);
    expect(status).to.equal(5);
    expect(output).to.contain('SPDK does not take "vol-2": failed to create DEK, rc -17; 1 DEK before it stay loaded');
    const equal = {
      name: 'equal',
      keySize: 128,
      wrapped: wrapKey(KEK, Buffer.concat([half(16, 1), half(16, 1)])),
    } as const;
    expect((await run(await manifest([equal]))).status).to.equal(8);
  });

  it('ends when the other side closes, or is no SPDK, or is not there', async () => {
    const path = await manifest([short]);
    spdk.instead = (peer) => peer.destroy();
    expect((await run(path)).output).to.match(/closed by the other side|EPIPE|ECONNRESET/);
    spdk.instead = (peer, id) => peer.write(JSON.stringify({jsonrpc: '2.0', id: id + 1, result: true}));
    expect((await run(path)).output).to.contain('no answer to what was asked');
    spdk.instead = (peer) => peer.write('x'.repeat(70_000));
    const {status, output} = await run(path);
    expect([status, output]).to.satisfy(
      ([code, text]: [number, string]) => code === 1 && /does not speak JSON-RPC/.test(text),
    );
    socket = join(directory, 'nowhere');
    expect((await run(path)).status).to.equal(3);
    socket = join(directory, 'kek');
    expect((await run(path)).status).to.equal(2);
  });
});
