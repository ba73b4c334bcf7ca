import {spawnSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import * as dek from '../src/index.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Disposable {
  [Symbol.dispose](): void;
}

interface Login extends Disposable {
  close(): void;
}

interface Dek extends Disposable {
  query(): {state: 'READY' | 'ERROR'; opaque: Uint8Array};
  destroy(): void;
}

interface Device extends Disposable {
  readonly caps: dek.Caps;
  login(options: {credential: Uint8Array; credentialId: number; importKekId: number}): Login;
  createDek(
    options: {keySize: 128 | 256; keytag: boolean; opaque?: Uint8Array} & (
      | {wrapped: Uint8Array}
      | {plaintext: Uint8Array}
    ),
  ): Dek;
  close(): void;
}

/** The names of the public library, whose types the compiler compares. */
const PUBLIC: {
  wrapKey(kek: Uint8Array, plaintext: Uint8Array): Uint8Array;
  unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array;
  wrapDek(kek: Uint8Array, dek: {key1: Uint8Array; key2: Uint8Array; keytag?: Uint8Array}): Uint8Array;
  unwrapDek(
    kek: Uint8Array,
    wrapped: Uint8Array,
  ): {keySize: 128 | 256; key1: Uint8Array; key2: Uint8Array; keytag?: Uint8Array | undefined};
  wrapCredential(kek: Uint8Array, credential: Uint8Array): Uint8Array;
  unwrapCredential(kek: Uint8Array, wrapped: Uint8Array): Uint8Array;
  wrapKeys(kek: Uint8Array, plaintexts: Uint8Array, plaintextBytes: number): Uint8Array;
  unwrapKeys(kek: Uint8Array, wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Uint8Array;
  rewrapKeys(
    from: Uint8Array,
    to: Uint8Array,
    wrapped: Uint8Array,
    plaintextBytes: number,
    failed?: number[],
  ): Uint8Array;
  keyCheckValue(kek: Uint8Array): Uint8Array;
  dekCheckValue(dek: Uint8Array): Uint8Array;
  dcvHints(dek: Uint8Array): Uint8Array;
  listDevices(): dek.DeviceInfo[];
  explainRefusals(on: boolean): void;
  openDevice(name?: string): Promise<Device>;
  connectAgent(socket?: string): Promise<dek.AgentClient>;
  newEdition(more?: {hosts?: string[]}): dek.Edition;
  nextEdition(edition: dek.Edition): dek.Edition;
  readManifest(source: AsyncIterable<Uint8Array>): Promise<dek.Manifest>;
  openManifest(path: string): Promise<dek.Manifest>;
  writeManifest(header: dek.ManifestHeader, deks: Iterable<dek.ManifestDek>): AsyncIterable<Uint8Array>;
  DekError: new (code: dek.DekErrorCode, message: string) => Error & {code: string; exitStatus: number};
} = dek;

describe('index', () => {
  it('exports the public names and no others', () => {
    expect(dek).to.have.all.keys(Object.keys(NAMES));
    for (const [name, type] of Object.entries(NAMES)) expect(PUBLIC, name).to.have.property(name).that.is.a(type);
  });

  it('wraps and unwraps', () => {
    const [kek, key1, key2] = [new Uint8Array(32), new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    const {keySize, ...keys} = PUBLIC.unwrapDek(kek, PUBLIC.wrapDek(kek, {key1, key2}));
    expect(keySize).to.equal(128);
    expect(keys).to.deep.equal({key1, key2});
  });

  it('is imported by the name of the package, and loads neither Koffi nor Fastify until they are needed', () => {
    const script = `
      import {readFileSync} from 'node:fs';
      import {createRequire} from 'node:module';
      const {cache} = createRequire(import.meta.url);
      const loaded = () => {
        const files = [...Object.keys(cache), ...readFileSync('/proc/self/maps', 'utf8').split('\\n')];
        const isLoaded = (name) => files.some((file) => file.includes('node_modules/' + name));
        return ['koffi', 'fastify', '@oclif'].filter(isLoaded);
      };
      const dek = await import('mlx5-dek');
      dek.wrapKey(new Uint8Array(32), new Uint8Array(32));
      const before = loaded();
      try { dek.listDevices(); } catch {}
      const after = loaded();
      await import('fastify');
      console.log(JSON.stringify({names: Object.keys(dek), before, after, last: loaded()}));`;
    const options = {cwd: ROOT, encoding: 'utf8'} as const;
    const {stdout, stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
    expect(stderr).to.equal('');
    const {names, before, after, last} = JSON.parse(stdout);
    expect(names).to.have.members(Object.keys(NAMES));
    expect(before).to.deep.equal([]);
    expect(after, 'after listDevices').to.deep.equal(['koffi']);
    expect(last, 'the probe sees Fastify').to.deep.equal(['koffi', 'fastify']);
  });

  it('lets no other file of the package be imported', () => {
    const script = `await import('mlx5-dek/dist/src/rdma/ffi.js').catch(({code}) => console.log(code))`;
    const options = {cwd: ROOT, encoding: 'utf8'} as const;
    const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
    expect(stdout).to.equal('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });
});

const NAMES: Record<keyof typeof PUBLIC, 'function'> = {
  wrapKey: 'function',
  unwrapKey: 'function',
  wrapDek: 'function',
  unwrapDek: 'function',
  wrapCredential: 'function',
  unwrapCredential: 'function',
  wrapKeys: 'function',
  unwrapKeys: 'function',
  rewrapKeys: 'function',
  keyCheckValue: 'function',
  dekCheckValue: 'function',
  dcvHints: 'function',
  listDevices: 'function',
  explainRefusals: 'function',
  openDevice: 'function',
  connectAgent: 'function',
  newEdition: 'function',
  nextEdition: 'function',
  readManifest: 'function',
  openManifest: 'function',
  writeManifest: 'function',
  DekError: 'function',
};
