import {constants} from 'node:os';
import {expect} from 'chai';
import type {LoginOptions} from '../../src/dek-layout.js';
import {DekError} from '../../src/errors.js';
import {MLX5DV_CRYPTO_LOGIN_ATTR as ATTR, MLX5DV_CRYPTO_LOGIN_ATTR_EX as ATTR_EX} from '../../src/rdma/c-layout.js';
import {Context} from '../../src/rdma/context.js';
import {Dek} from '../../src/rdma/dek/dek.js';
import {Device} from '../../src/rdma/device.js';
import {Login} from '../../src/rdma/login.js';
import {code, open, WRAPPED} from '../support/nic/fake-device.js';
import {FakeLibrary} from '../support/nic/fake-library.js';

const {EBUSY, EIO, ENOENT} = constants.errno;
const LOGIN = {credential: new Uint8Array(48).fill(0xcc), credentialId: 0xabcdef, importKekId: 0x123456};

describe('login', () => {
  it('hands the object API a structure, and 48 bytes that it wipes', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    const view = new DataView(fake.calls[0]!.struct!.buffer);
    expect(fake.names).to.deep.equal(['mlx5dv_crypto_login_create']);
    expect(view.byteLength).to.equal(ATTR_EX.size);
    expect(view.getUint32(ATTR_EX.credential_id, true)).to.equal(LOGIN.credentialId);
    expect(view.getUint32(ATTR_EX.import_kek_id, true)).to.equal(LOGIN.importKekId);
    expect(view.getBigUint64(ATTR_EX.credential, true)).to.equal(0xc0ffeen);
    expect(view.getBigUint64(ATTR_EX.credential_len, true)).to.equal(48n);
    expect(view.getBigUint64(ATTR_EX.comp_mask, true)).to.equal(0n);
    expect(fake.pointedAt!.copy).to.deep.equal(LOGIN.credential);
    expect(fake.pointedAt!.live.every((byte) => byte === 0)).to.equal(true);
  });

  it('hands the session API one structure, and wipes it', () => {
    const {fake, device} = open({}, 'session');
    device.login(LOGIN);
    const {name, struct, live} = fake.calls[0]!;
    expect(name).to.equal('mlx5dv_crypto_login');
    const view = new DataView(struct!.buffer);
    expect(view.byteLength).to.equal(ATTR.size);
    expect(view.getUint32(ATTR.credential_id, true)).to.equal(LOGIN.credentialId);
    expect(struct!.subarray(ATTR.credential, ATTR.comp_mask)).to.deep.equal(LOGIN.credential);
    expect(live!.every((byte) => byte === 0)).to.equal(true);
  });

  const wrong: [string, unknown][] = [
    ['no options', undefined],
    ['a credential of 40 bytes', {...LOGIN, credential: new Uint8Array(40)}],
    ['a credential of 49 bytes', {...LOGIN, credential: new Uint8Array(49)}],
    ['a credential of 193 bytes', {...LOGIN, credential: new Uint8Array(193)}],
    ['a credential as hex', {...LOGIN, credential: 'cc'.repeat(48)}],
    ['no credential', {...LOGIN, credential: undefined}],
    ['a credential id of 25 bits', {...LOGIN, credentialId: 0x1000000}],
    ['an import KEK id of 25 bits', {...LOGIN, importKekId: 0x1000000}],
    ['an id that wraps to 5', {...LOGIN, importKekId: 2 ** 33 + 5}],
    ['a negative id', {...LOGIN, credentialId: -1}],
    ['an id of NaN', {...LOGIN, credentialId: Number.NaN}],
    ['an id of null', {...LOGIN, credentialId: null}],
    ['an id as string', {...LOGIN, credentialId: '1'}],
    ['an id as bigint', {...LOGIN, credentialId: 1n}],
    ['an id as array', {...LOGIN, credentialId: [1]}],
    ['half an id', {...LOGIN, credentialId: 1.5}],
  ];
  for (const api of ['object', 'session'] as const) {
    for (const [title, options] of wrong) {
      it(`refuses ${title} before the ${api} call`, () => {
        const {fake, device} = open({}, api);
        expect(code(() => device.login(options as LoginOptions))).to.equal('BAD_ARGUMENT');
        expect(fake.names).to.deep.equal([]);
        expect(device.currentLogin).to.equal(undefined);
      });
    }

    it(`refuses a second login before the ${api} call`, () => {
      const {fake, device} = open({}, api);
      const login = device.login(LOGIN);
      expect(code(() => device.login(LOGIN))).to.equal('EXISTS');
      expect(fake.names).to.have.length(1);
      expect(device.currentLogin).to.equal(login);
      login.close();
      device.login(LOGIN);
    });

    it(`is closed once in the ${api} API, and disposed as often as one likes`, () => {
      const {fake, device} = open({}, api);
      const login = device.login(LOGIN);
      expect(login.closed).to.equal(false);
      login.close();
      expect(login.closed).to.equal(true);
      expect(device.currentLogin).to.equal(undefined);
      expect(code(() => login.close())).to.equal('CLOSED');
      expect(code(() => login.query())).to.equal('CLOSED');
      login[Symbol.dispose]();
      expect(fake.names).to.have.length(2);
    });

    it(`lives on when the NIC is busy, and is gone when the NIC has none, in the ${api} API`, () => {
      const {fake, device} = open({}, api);
      const logout = api === 'object' ? 'mlx5dv_crypto_login_destroy' : 'mlx5dv_crypto_logout';
      const login = device.login(LOGIN);
      fake.failures.set(logout, EBUSY);
      expect(code(() => login.close())).to.equal('BUSY');
      expect(login.closed).to.equal(false);
      fake.failures.set(logout, ENOENT);
      expect(code(() => login.close())).to.equal('NO_LOGIN');
      expect(login.closed).to.equal(true);
      expect(device.currentLogin).to.equal(undefined);
    });
  }
});

describe('Dek', () => {
  it('is destroyed once, and disposed as often as one likes', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    const dek = device.createDek(WRAPPED);
    expect({keySize: dek.keySize, keytag: dek.keytag, closed: dek.closed}).to.deep.equal({
      keySize: 256,
      keytag: true,
      closed: false,
    });
    dek.destroy();
    expect(dek.closed).to.equal(true);
    expect(code(() => dek.destroy())).to.equal('CLOSED');
    expect(code(() => dek.query())).to.equal('CLOSED');
    dek[Symbol.dispose]();
    expect(fake.names.filter((name) => name === 'mlx5dv_dek_destroy')).to.have.length(1);
    expect(fake.names).to.not.include('mlx5dv_dek_query');
  });

  it('stays alive when its destroy fails', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    const dek = device.createDek(WRAPPED);
    const fails = (errno: number, answers: boolean) => {
      fake.failures.set('mlx5dv_dek_destroy', errno);
      if (!answers) fake.failures.set('ibv_alloc_pd', EIO);
      return code(() => dek.destroy());
    };
    expect(fails(EBUSY, true)).to.equal('BUSY');
    expect(fails(EIO, true)).to.equal('REFUSED');
    expect(fails(EIO, false)).to.equal('DEVICE_GONE');
    expect(dek.closed).to.equal(false);
    dek.query();
    dek.destroy();
  });

  it('outlives the login it was made under', () => {
    const {device} = open();
    const login = device.login(LOGIN);
    const dek = device.createDek(WRAPPED);
    login.close();
    expect(dek.closed).to.equal(false);
    dek.destroy();
  });
});

describe('device.close', () => {
  it('closes DEKs, login, PD and context, in this order', () => {
    const {fake, device} = open();
    const login = device.login(LOGIN);
    const deks = [device.createDek(WRAPPED), device.createDek(WRAPPED)];
    fake.calls.length = 0;
    device.close();
    expect(fake.names).to.deep.equal([
      'mlx5dv_dek_destroy',
      'mlx5dv_dek_destroy',
      'mlx5dv_crypto_login_destroy',
      'ibv_dealloc_pd',
      'ibv_close_device',
    ]);
    expect([device.closed, login.closed, ...deks.map((dek) => dek.closed)]).to.deep.equal([true, true, true, true]);
    expect(device.currentLogin).to.equal(undefined);
  });

  it('makes every later call CLOSED', () => {
    const {fake, device} = open();
    const login = device.login(LOGIN);
    const dek = device.createDek(WRAPPED);
    device.close();
    fake.calls.length = 0;
    const calls = [
      () => device.close(),
      () => device.login(LOGIN),
      () => device.createDek(WRAPPED),
      () => login.query(),
      () => login.close(),
      () => dek.query(),
      () => dek.destroy(),
    ];
    for (const call of calls) expect(code(call)).to.equal('CLOSED');
    for (const handle of [device, login, dek]) handle[Symbol.dispose]();
    expect(fake.names).to.deep.equal([]);
    expect(device.name).to.equal('mlx5_0');
  });

  it('closes the context also when the NIC is gone, after one failed destroy', () => {
    const {fake, device} = open();
    const login = device.login(LOGIN);
    const deks = [device.createDek(WRAPPED), device.createDek(WRAPPED)];
    fake.calls.length = 0;
    fake.failures.set('mlx5dv_dek_destroy', EIO);
    fake.failures.set('ibv_alloc_pd', EIO);
    fake.failures.set('ibv_dealloc_pd', EIO);
    device.close();
    expect(fake.names).to.deep.equal(['mlx5dv_dek_destroy', 'ibv_alloc_pd', 'ibv_dealloc_pd', 'ibv_close_device']);
    expect([device.closed, login.closed, ...deks.map((dek) => dek.closed)]).to.deep.equal([true, true, true, true]);
    expect(code(() => deks[1]!.destroy())).to.equal('CLOSED');
  });

  it('stays open when a DEK is busy, and closes the rest at the next try', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    device.createDek(WRAPPED);
    fake.failures.set('mlx5dv_dek_destroy', EBUSY);
    expect(code(() => device.close())).to.equal('BUSY');
    expect(device.closed).to.equal(false);
    device.close();
    expect(fake.names.filter((name) => name === 'mlx5dv_dek_destroy')).to.have.length(2);
    expect(fake.names.at(-1)).to.equal('ibv_close_device');
  });
});

describe('handles', () => {
  it('refuse a foreign this', async () => {
    const {device} = open();
    device.login(LOGIN);
    device.createDek(WRAPPED);
    for (const type of [Device, Login, Dek]) {
      const members = Object.getOwnPropertyDescriptors(type.prototype) as unknown as Record<
        PropertyKey,
        PropertyDescriptor
      >;
      for (const key of Reflect.ownKeys(members).filter((name) => name !== 'constructor')) {
        const {get, value} = members[key]!;
        for (const self of [
          undefined,
          null,
          5,
          {},
          type.prototype,
          Object.create(type.prototype),
          new Proxy(device, {}),
        ]) {
          const refused = async () => Reflect.apply(get ?? value, self, [{}]);
          const error = await refused().catch((thrown) => thrown);
          expect(error, `${type.name}.${String(key)}`)
            .to.be.instanceOf(DekError)
            .with.property('code', 'BAD_ARGUMENT');
        }
      }
    }
  });

  it('cannot be made without a device', () => {
    expect(code(() => new Device({ptr: 1n} as unknown as Context, 'object'))).to.equal('BAD_ARGUMENT');
  });

  it('close the device when its caps cannot be read', () => {
    const fake = new FakeLibrary();
    fake.failures.set('mlx5dv_query_device', EIO);
    expect(code(() => new Context(fake.library, 2n as never, fake.context.info))).to.equal('DEVICE_GONE');
    expect(fake.names).to.deep.equal(['mlx5dv_query_device', 'ibv_close_device']);
  });
});
