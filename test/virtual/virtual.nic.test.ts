import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {wrapCredential, wrapDek, wrapKey} from '../../src/wrap/index.js';
import {Client, hex, login, testKeys, wrapped} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {errnoOf, has, needing} from '../support/nic/release.js';

const LAYOUTS = [
  [128, false],
  [128, true],
  [256, false],
  [256, true],
] as const;

/** What libmlx5 makes of a refusal. */
const REFUSED = errnoOf('EINVAL');
const FULL = errnoOf('ENOMEM');

/** enum mlx5dv_crypto_engines_caps, which each of the three releases words in another way. */
const SINGLE_BLOCK = has('single-block AES-XTS') ? 2 : 1;
const BOTH_ENGINES = has('multi-block AES-XTS') ? 6 : SINGLE_BLOCK;

describe('the virtual ConnectX', () => {
  let device: TestDevice;
  let client: Client;

  beforeEach(async () => {
    device = await testDevice();
    client = new Client(device);
  });
  afterEach(async () => {
    await client.end();
    device.remove();
  });

  async function ready(): Promise<void> {
    expect(await client.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
  }

  it('is what ibv_devinfo shows', () => {
    const {status, stdout, stderr} = device.run('ibv_devinfo', ['-v']);
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    expect(stdout).to.match(/hca_id:\s+mlx5_0/);
    expect(stdout).to.match(/node_guid:\s+506b:4b03:00c0:ffee/);
    expect(stdout).to.match(/vendor_part_id:\s+4125/);
    expect(stdout).to.match(/state:\s+PORT_ACTIVE/);
  });

  it('says what its crypto can do', async () => {
    expect(await client.ask('open')).to.equal('ok');
    expect(await client.ask('caps')).to.equal(`selftests=0 engines=${BOTH_ENGINES} import=1 deks=17 flags=3`);
    device.nic.set({
      state: 'going-to-commissioning',
      engines: ['single-block'],
      failedSelftests: 0x1234,
      logMaxDeks: 9,
    });
    expect(await client.askAll(['close', 'open'])).to.deep.equal(['ok', 'ok']);
    expect(await client.ask('caps')).to.equal(`selftests=${0x1234} engines=${SINGLE_BLOCK} import=1 deks=9 flags=7`);
    device.nic.set({importMode: 'plaintext', engines: []});
    expect(await client.askAll(['close', 'open'])).to.deep.equal(['ok', 'ok']);
    expect(await client.ask('caps')).to.equal('selftests=0 engines=0 import=0 deks=0 flags=0');
  });

  for (const [keySize, keytag] of LAYOUTS) {
    for (const how of ['session', 'object'] as const) {
      const test = how === 'object' ? needing('login objects').it : it;
      const kind = `${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag`;
      test(`takes a wrapped ${kind} under a login ${how}`, async () => {
        const begin = how === 'session' ? login(device) : login(device, 'login_create');
        expect(await client.askAll(['open', 'pd', begin])).to.deep.equal(['ok', 'ok', 'ok']);
        expect(
          await client.ask(`create ${how} ${keySize} ${Number(keytag)} ${wrapped(device, keySize, keytag)} vol`),
        ).to.equal('0');
        expect(await client.ask('query 0')).to.equal('READY vol');
        expect(device.nic.show().live).to.include({contexts: 1, pds: 1, logins: 1, deks: 1});
        expect(await client.ask('destroy 0')).to.equal('ok');
        const end = how === 'session' ? 'logout' : 'login_destroy';
        expect(await client.askAll([end, 'dealloc', 'close'])).to.deep.equal(['ok', 'ok', 'ok']);
        expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0});
      });
    }
    needing('plaintext DEKs').it(
      `takes a plaintext ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag in plaintext mode`,
      async () => {
        device.nic.set({importMode: 'plaintext'});
        expect(await client.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
        const {key1, key2, keytag: tag = new Uint8Array()} = testKeys(keySize, keytag);
        const key = hex(key1) + hex(key2) + hex(tag);
        expect(await client.ask(`create plaintext ${keySize} ${Number(keytag)} ${key} vol`)).to.equal('0');
        expect(await client.ask('query 0')).to.equal('READY vol');
        // As NVIDIA's own test sends it: bytes behind the key are no part of it.
        expect(await client.ask(`create plaintext ${keySize} ${Number(keytag)} ${key}ff vol`)).to.equal('1');
        expect(await client.ask('query 1')).to.equal('READY vol');
      },
    );
  }

  it('takes an import KEK of 16 bytes', async () => {
    const kek = randomBytes(16);
    const other = await testDevice({kek, kekId: 3, credential: randomBytes(40), credentialId: 0xffffff});
    const otherClient = new Client(other);
    try {
      expect(await otherClient.askAll(['open', 'pd', login(other)])).to.deep.equal(['ok', 'ok', 'ok']);
      expect(await otherClient.ask(`create session 256 1 ${wrapped(other, 256, true)}`)).to.equal('0');
    } finally {
      await otherClient.end();
      other.remove();
    }
  });

  it('shows several devices, each with its own objects', async () => {
    const two = await testDevice({devices: 2});
    const first = new Client(two);
    const second = new Client(two);
    try {
      const names = (await first.ask('list')).split(' ').sort();
      expect(names).to.deep.equal(['mlx5_0', 'mlx5_1']);
      expect(await first.askAll(['open mlx5_0', 'pd'])).to.deep.equal(['ok', 'ok']);
      expect(await second.askAll(['open mlx5_1', 'pd', 'pd'])).to.deep.equal(['ok', 'ok', 'ok']);
      expect(two.nic.show('mlx5_0').live).to.include({contexts: 1, pds: 1});
      expect(two.nic.show('mlx5_1').live).to.include({contexts: 1, pds: 2});
      expect(two.nic.show('mlx5_1').nodeGuid).to.not.equal(two.nic.show('mlx5_0').nodeGuid);
    } finally {
      await first.end();
      await second.end();
      two.remove();
    }
  });

  describe('refuses a login', () => {
    const cases: readonly [string, (d: TestDevice) => [kekId: number, credentialId: number, wrapped: Uint8Array]][] = [
      ['with a KEK id that is not loaded', (d) => [d.kekId ^ 1, d.credentialId, d.wrappedCredential]],
      ['with a credential id that is not loaded', (d) => [d.kekId, d.credentialId ^ 1, d.wrappedCredential]],
      ['wrapped by another KEK', (d) => [d.kekId, d.credentialId, wrapCredential(randomBytes(32), d.credential)]],
      ['with another credential', (d) => [d.kekId, d.credentialId, wrapCredential(d.kek, randomBytes(40))]],
    ];
    for (const [title, make] of cases) {
      it(title, async () => {
        expect(await client.ask('open')).to.equal('ok');
        const [kekId, credentialId, credential] = make(device);
        expect(await client.ask(`login ${kekId} ${credentialId} ${hex(credential)}`)).to.equal(REFUSED);
        if (has('login objects')) {
          expect(await client.ask(`login_create ${kekId} ${credentialId} ${hex(credential)}`)).to.equal(REFUSED);
        }
        expect(await client.ask('state')).to.equal('NO_LOGIN');
      });
    }
    it('when the context has one', async () => {
      await ready();
      expect(await client.ask(login(device))).to.equal('EEXIST');
      if (has('login objects')) expect(await client.ask(login(device, 'login_create'))).to.equal(REFUSED);
      expect(await client.askAll(['logout', 'logout', login(device)])).to.deep.equal(['ok', 'ENOENT', 'ok']);
    });
    it('while commissioning', async () => {
      expect(await client.ask('open')).to.equal('ok');
      device.nic.set({state: 'commissioning'});
      expect(await client.ask(login(device))).to.equal(errnoOf('EIO'));
      expect(await client.askAll(['close', 'open', login(device)])).to.deep.equal(['ok', 'ok', 'EOPNOTSUPP']);
    });
  });

  describe('refuses a DEK', () => {
    const key = testKeys(256, true);
    const cases: readonly [string, (d: TestDevice) => string][] = [
      ['wrapped by another KEK', () => `256 1 ${hex(wrapDek(randomBytes(32), key))}`],
      ['with one bit flipped', (d) => `256 1 ${hex(flip(wrapDek(d.kek, key), 79))}`],
      ['that has a keytag, said to have none', (d) => `256 0 ${hex(wrapDek(d.kek, key))}`],
      ['that has no keytag, said to have one', (d) => `256 1 ${wrapped(d, 256)}`],
      ['of 128 bits, said to have 256', (d) => `256 0 ${wrapped(d, 128)}`],
      ['of 256 bits, said to have 128', (d) => `128 0 ${wrapped(d, 256)}`],
      ['of zeros', () => `256 1 ${'00'.repeat(80)}`],
    ];
    for (const [title, make] of cases) {
      it(title, async () => {
        await ready();
        expect(await client.ask(`create session ${make(device)}`)).to.equal(REFUSED);
        expect(await client.ask(`explain ${make(device)}`)).to.match(/^EREMOTEIO 0x3 0xd00[0-9a-f]{2}$/);
        expect(device.nic.show().live.deks).to.equal(0);
      });
    }
    it('without a login', async () => {
      expect(await client.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
      expect(await client.ask(`explain 256 0 ${wrapped(device)}`)).to.equal('EREMOTEIO 0x9 0xd0009');
    });
    needing('plaintext DEKs').it('in plaintext', async () => {
      await ready();
      const {key1, key2} = testKeys(256);
      expect(await client.ask(`create plaintext 256 0 ${hex(key1)}${hex(key2)}`)).to.equal('EINVAL');
      expect(await client.ask(`explain 256 0 ${hex(key1)}${hex(key2)}`)).to.match(/^EREMOTEIO 0x3/);
    });
    needing('plaintext DEKs').it('wrapped, in plaintext mode', async () => {
      device.nic.set({importMode: 'plaintext'});
      expect(await client.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'EOPNOTSUPP']);
      expect(await client.ask(`create session 256 0 ${wrapped(device)}`)).to.equal('EINVAL');
    });
    it('in a context that logged in before the NIC came to take plaintext', async () => {
      await ready();
      device.nic.set({importMode: 'plaintext'});
      expect(await client.ask(`create session 256 0 ${wrapped(device)}`)).to.equal(REFUSED);
      expect(device.nic.show().live.deks).to.equal(0);
    });
    it('beyond the limit', async () => {
      device.nic.set({logMaxDeks: 3});
      await ready();
      const question = `session 256 0 ${wrapped(device)}`;
      expect(await client.ask(`many 20 ${question}`)).to.match(new RegExp(`^8 \\S+ ${FULL}$`));
      expect(await client.askAll(['destroy 5', `create ${question}`, `create ${question}`])).to.deep.equal([
        'ok',
        '8',
        FULL,
      ]);
    });
  });

  describe('and a DEK with key1 == key2', () => {
    const key = testKeys(256, true);
    const equal = Buffer.concat([key.key1, key.key1, key.keytag!]);
    const refusal = 'EREMOTEIO 0x3 0xd000d';

    it('takes it, wrapped', async () => {
      await ready();
      expect(await client.ask(`create session 256 1 ${hex(wrapKey(device.kek, equal))}`)).to.equal('0');
      expect(await client.ask('query 0')).to.equal('READY');
    });
    needing('plaintext DEKs').it('takes it, in plaintext', async () => {
      device.nic.set({importMode: 'plaintext'});
      expect(await client.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
      expect(await client.ask(`create plaintext 256 1 ${hex(equal)}`)).to.equal('0');
    });
    it('refuses it under the policy fips, and no other', async () => {
      device.nic.set({policy: 'fips'});
      expect(device.nic.show().policy).to.equal('fips');
      await ready();
      expect(await client.ask(`explain 256 1 ${hex(wrapKey(device.kek, equal))}`)).to.equal(refusal);
      expect(await client.ask(`create session 256 1 ${hex(wrapKey(device.kek, equal))}`)).to.equal(REFUSED);
      expect(await client.ask(`create session 256 1 ${wrapped(device, 256, true)}`)).to.equal('0');
      expect(await client.ask('logout')).to.equal('ok');
      device.nic.set({importMode: 'plaintext'});
      expect(await client.ask(`explain 256 1 ${hex(equal)}`)).to.equal(refusal);
      device.nic.set({policy: 'default'});
      expect(await client.ask(`explain 256 1 ${hex(equal)}`)).to.equal('0x0 0x0');
    });
  });

  describe('revoked by the officer', () => {
    for (const what of ['kek', 'credential'] as const) {
      it(`a ${what} turns the login INVALID at once`, async () => {
        await ready();
        const question = `create session 256 0 ${wrapped(device)}`;
        expect(await client.ask(question)).to.equal('0');
        device.nic.set(what === 'kek' ? {revokeKeks: [device.kekId]} : {revokeCredentials: [device.credentialId]});
        expect(await client.ask('state')).to.equal('INVALID');
        expect(await client.askAll([question, 'query 0', login(device)])).to.deep.equal([REFUSED, REFUSED, 'EEXIST']);
        expect(await client.askAll(['logout', login(device)])).to.deep.equal(['ok', REFUSED]);
        expect(device.nic.show().live.deks).to.equal(1);
        device.nic.set(
          what === 'kek'
            ? {keks: [{id: device.kekId, secret: device.kek}]}
            : {credentials: [{id: device.credentialId, secret: device.credential}]},
        );
        expect(await client.askAll([login(device), 'query 0', 'destroy 0'])).to.deep.equal(['ok', 'READY', 'ok']);
      });
    }
    it('stays INVALID when the same KEK is loaded again', async () => {
      await ready();
      device.nic.set({revokeKeks: [device.kekId], keks: [{id: device.kekId, secret: device.kek}]});
      expect(await client.askAll(['state', 'logout', login(device), 'state'])).to.deep.equal([
        'INVALID',
        'ok',
        'ok',
        'VALID',
      ]);
    });
    it('another KEK does not matter', async () => {
      device.nic.set({keks: [{id: 99, secret: randomBytes(16)}]});
      await ready();
      device.nic.set({revokeKeks: [99]});
      expect(await client.ask('state')).to.equal('VALID');
    });
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at]! ^= 1;
  return flipped;
}
