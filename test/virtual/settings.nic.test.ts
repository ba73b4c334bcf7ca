import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import type {Settings} from '../../src/virtual/index.js';
import {parseSettings} from '../../src/virtual/setting-words.js';
import {keyCheckValue} from '../../src/wrap/index.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';

const SECRET = new Uint8Array(32).fill(7);
const read = async (source: string): Promise<Uint8Array> => {
  if (source !== 'file:x') throw new DekError('NO_INPUT', 'no such source');
  return SECRET;
};

describe('the settings of a virtual ConnectX', () => {
  const good: readonly [string, Settings][] = [
    ['import-mode=plaintext', {importMode: 'plaintext'}],
    ['state=commissioning', {state: 'commissioning'}],
    ['engines=none', {engines: []}],
    ['engines=single-block,multi-block', {engines: ['single-block', 'multi-block']}],
    ['failed-selftests=0x10', {failedSelftests: 16}],
    ['log-max-deks=31', {logMaxDeks: 31}],
    ['latency-us=0', {latencyUs: 0}],
    ['parallel=64', {parallel: 64}],
    ['port=down', {port: 'down'}],
    ['gid=no', {gid: false}],
    ['loopback=no', {loopback: false}],
    ['fwctl=no', {fwctl: false}],
    ['devx-registers=yes', {devxRegisters: true}],
    ['crypto-objects=no', {cryptoObjects: false}],
    ['contrary=none', {contrary: []}],
    ['contrary=2,12', {contrary: [2, 12]}],
    ['gone=yes', {gone: true}],
    ['gone=no', {gone: false}],
    ['open-error=EACCES', {openErrno: 13}],
    ['open-error=none', {openErrno: 0}],
    ['kek=0xff:file:x', {keks: [{id: 255, secret: SECRET}]}],
    ['credential=0:file:x', {credentials: [{id: 0, secret: SECRET}]}],
    ['revoke-kek=16777215', {revokeKeks: [0xffffff]}],
    ['revoke-credential=1', {revokeCredentials: [1]}],
    ['fault=any', {faults: [{}]}],
    ['fault=none', {faults: []}],
    ['fault=access', {faults: [{command: 'access'}]}],
    ['fault=create-kek', {faults: [{command: 'create', object: 'kek'}]}],
    ['fault=create-dek', {faults: [{command: 'create', object: 'dek'}]}],
    ['fault=any-login,status=LIM_ERR', {faults: [{object: 'login', status: 8}]}],
    [
      'fault=query,status=0x0f,syndrome=0xffffffff,times=always',
      {faults: [{command: 'query', status: 15, syndrome: 0xffffffff, times: 'always'}]},
    ],
    ['dek-error=none', {dekErrors: []}],
    ['dek-error=all', {dekErrors: [{which: 'all', future: false}]}],
    ['dek-error=id:3,future', {dekErrors: [{which: {id: 3}, future: true}]}],
    ['dek-error=opaque:vol,1', {dekErrors: [{which: {opaque: new TextEncoder().encode('vol,1')}, future: false}]}],
    ['dek-error=opaque:hex:0aff', {dekErrors: [{which: {opaque: Uint8Array.of(10, 255)}, future: false}]}],
  ];
  for (const [word, settings] of good) {
    it(`${word} is understood`, async () => {
      expect(await parseSettings([word], read)).to.deep.equal(settings);
    });
  }

  const bad = [
    'import-mode=',
    'import-mode=wrap',
    'state',
    'engines=',
    'engines=single-block,',
    'failed-selftests=65536',
    'log-max-deks=32',
    'log-max-deks=-1',
    'latency-us=1e3',
    'latency-us=1000001',
    'parallel=0',
    'gone=true',
    'port=up',
    'gid=none',
    'loopback=',
    'open-error=EWHAT',
    'open-error=13',
    'kek=file:x',
    'kek=16777216:file:x',
    'kek=1:',
    'revoke-kek=all',
    'fault=',
    'fault=make',
    'fault=create-qp',
    'policy=strict',
    'tweak=none',
    'contrary=3',
    'contrary=',
    'service-us=fast',
    'service-us=create',
    'service-us=create:1000001',
    'service-us=create:1,create:2',
    'service-us=create:1:2',
    'service-us=',
    'fault=create-dek-dek',
    'fault=create,status=0',
    'fault=create,status=256',
    'fault=create,times=0',
    'fault=create,when=now',
    'dek-error=some',
    'dek-error=id:x',
    'dek-error=opaque:123456789',
    'dek-error=opaque:hex:1',
    '=',
    '',
    'constructor=1',
    '__proto__=1',
  ];
  for (const word of bad) {
    it(`"${word}" is refused`, async () => {
      const error = await parseSettings(['latency-us=1', word], read).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('code', 'BAD_ARGUMENT');
    });
  }

  it('an unknown key is answered with all that there are', async () => {
    const error = await parseSettings(['latency=1'], read).catch((reason: unknown) => reason);
    expect((error as DekError).hint)
      .to.include('latency-us, ')
      .and.include('dek-error');
  });
  it('what may be a secret is never repeated', async () => {
    for (const word of ['kek=00112233445566778899aabbccddeeff', '00112233445566778899aabbccddeeff']) {
      const error = await parseSettings([word], read).catch((reason: unknown) => reason);
      expect(`${(error as DekError).message} ${(error as DekError).hint}`).to.not.include('0011');
    }
  });
  it('secrets that were read are wiped when a later word is bad', async () => {
    const secret = new Uint8Array(16).fill(9);
    const error = await parseSettings(['kek=1:file:x', 'nope=1'], async () => secret).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(DekError);
    expect([...secret]).to.deep.equal(new Array(16).fill(0));
  });
  it('lists grow, single values are given once', async () => {
    expect(await parseSettings(['revoke-kek=1', 'revoke-kek=2'], read)).to.deep.equal({revokeKeks: [1, 2]});
    for (const words of [
      ['gone=yes', 'gone=no'],
      ['fault=none', 'fault=any'],
      ['engines=none', 'engines=none'],
    ]) {
      const error = await parseSettings(words, read).catch((reason: unknown) => reason);
      expect(error)
        .to.be.instanceOf(DekError)
        .with.property('message')
        .that.matches(/given twice/);
    }
  });

  describe('applied', () => {
    let device: TestDevice;
    beforeEach(async () => {
      device = await testDevice({devices: 2});
    });
    afterEach(() => device.remove());

    it('to all devices, or to the one that is named', () => {
      device.nic.set({latencyUs: 7});
      device.nic.set({latencyUs: 9}, 'mlx5_1');
      expect(device.nic.devices.map((name) => device.nic.show(name).latencyUs)).to.deep.equal([7, 9]);
      expect(() => device.nic.set({latencyUs: 9}, 'mlx5_2')).to.throw('no device mlx5_2');
    });
    it('all or nothing', () => {
      const before = device.nic.devices.map((name) => device.nic.show(name));
      const fails: readonly [Settings, string][] = [
        [{latencyUs: 5, revokeKeks: [device.kekId ^ 1]}, 'no import KEK with id'],
        [{latencyUs: 5, keks: [{id: device.kekId, secret: randomBytes(32)}]}, 'is on the virtual ConnectX already'],
        [{latencyUs: 5, keks: [{id: 1, secret: randomBytes(24)}]}, 'length 16 or 32'],
        [{latencyUs: 5, credentials: [{id: 1, secret: randomBytes(48)}]}, 'length 40'],
        [{latencyUs: 5, keks: [{id: 1 << 24, secret: randomBytes(32)}]}, 'integer from 0 to'],
        [{gone: true, parallel: 0}, 'integer from 1 to 64'],
        [{latencyUs: 5, faults: new Array(17).fill({})}, 'no room for more than 16'],
        [{latencyUs: 5, keks: many(64)}, 'no room for another import KEK'],
      ];
      for (const [settings, message] of fails) expect(() => device.nic.set(settings)).to.throw(message);
      expect(device.nic.devices.map((name) => device.nic.show(name))).to.deep.equal(before);
    });
    it('63 more KEKs, by their ids, with their check values', () => {
      const keks = many(63);
      device.nic.set({keks});
      const shown = device.nic.show().importKeks.slice(1);
      expect(shown).to.deep.equal(
        keks.map(({id, secret}) => ({id, bytes: 16, kcv: Buffer.from(keyCheckValue(secret)).toString('hex')})),
      );
      device.nic.set({revokeKeks: keks.map(({id}) => id)});
      expect(device.nic.show().importKeks).to.have.length(1);
      const image = fs.readFileSync(join(device.directory, 'mlx5_0.nvram'));
      for (const {secret} of keks) expect(image.includes(Buffer.from(secret))).to.equal(false);
    });
    it('by many processes at once, without a loss', async () => {
      const script = `
        const {openVirtual} = await import(process.argv[1]);
        const nic = openVirtual(process.argv[2]);
        const first = Number(process.argv[3]) * 5;
        const kek = (i) => ({id: first + i, secret: new Uint8Array(16).fill(i + 1)});
        for (let i = 0; i < 5; i++) nic.set({keks: [kek(i)]});
      `;
      const module = new URL('../../src/virtual/index.js', import.meta.url).href;
      const writers = Array.from({length: 8}, (_, i) => {
        const args = ['--input-type=module', '-e', script, module, device.directory, `${100 + i}`];
        const child = device.spawn(process.execPath, args, {stdio: 'inherit'});
        return new Promise((resolve) => child.once('exit', resolve));
      });
      expect(await Promise.all(writers)).to.deep.equal(new Array(8).fill(0));
      const ids = device.nic.show().importKeks.map(({id}) => id);
      expect(new Set(ids).size).to.equal(41);
      expect(fs.readdirSync(device.directory).filter((name) => name.startsWith('lock'))).to.be.empty;
    });
    it('after a writer that holds the lock, and at once when that is killed', async () => {
      const script = `
        const {withLock} = await import(process.argv[1]);
        withLock(process.argv[2], () => {
          process.stdout.write('held');
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.argv[3]));
          process.stdout.write(String(process.hrtime.bigint())); // one clock for all processes
        });
      `;
      const module = new URL('../../src/files/lock.js', import.meta.url).href;
      const holder = async (ms: number, path = join(device.directory, 'mlx5_0.nvram')): Promise<ChildProcess> => {
        const args = ['--input-type=module', '-e', script, module, path, `${ms}`];
        const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
        await once(child.stdout!, 'data');
        return child;
      };
      const first = await holder(300);
      device.nic.set({latencyUs: 3});
      const set = process.hrtime.bigint();
      const [letGo] = await once(first.stdout!, 'data');
      expect(set > BigInt(String(letGo)), 'it was set after the holder let go').to.equal(true);
      const killed = await holder(20_000);
      killed.kill('SIGKILL');
      await once(killed, 'exit');
      device.nic.set({latencyUs: 4});
      expect(device.nic.show().latencyUs).to.equal(4);
      // Who can read the directory can lock it.
      const stranger = await holder(20_000, device.directory);
      try {
        device.nic.set({latencyUs: 5});
      } finally {
        stranger.kill('SIGKILL');
      }
    });
  });
});

function many(count: number): {id: number; secret: Uint8Array}[] {
  return Array.from({length: count}, (_, i) => ({id: 1000 + i, secret: new Uint8Array(randomBytes(16))}));
}
