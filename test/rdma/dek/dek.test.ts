import {constants} from 'node:os';
import {expect} from 'chai';
import {MLX5DV_DEK_INIT_ATTR as ATTR} from '../../../src/rdma/c-layout.js';
import type {CreateDekOptions} from '../../../src/rdma/dek/keys.js';
import {code, open, PLAINTEXT_NIC, WRAPPED} from '../../support/nic/fake-device.js';

const LOGIN = {credential: new Uint8Array(48), credentialId: 1, importKekId: 2};
const SILENT_NIC = {caps: {flags: 0, engines: 0, method: 0, logMaxDeks: 0}};

describe('createDek', () => {
  it('hands over one zero-padded structure that names the login object', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    device.createDek({...WRAPPED, opaque: new Uint8Array([1, 2, 3])});
    const struct = fake.calls.find(({name}) => name === 'mlx5dv_dek_create')!.struct!;
    const view = new DataView(struct.buffer);
    expect(struct.length).to.equal(ATTR.size);
    expect(view.getUint32(ATTR.key_size, true)).to.equal(1);
    expect(view.getUint8(ATTR.has_keytag)).to.equal(1);
    expect(view.getBigUint64(ATTR.pd, true)).to.equal(0x1001n);
    expect([...struct.subarray(ATTR.opaque, ATTR.key)]).to.deep.equal([1, 2, 3, 0, 0, 0, 0, 0]);
    expect(struct.subarray(ATTR.key, ATTR.key + 80)).to.deep.equal(WRAPPED.wrapped);
    expect(struct.subarray(ATTR.key + 80, ATTR.comp_mask).every((byte) => byte === 0)).to.equal(true);
    expect(view.getBigUint64(ATTR.comp_mask, true)).to.equal(1n);
    expect(view.getBigUint64(ATTR.crypto_login, true)).to.equal(0x1000n);
  });

  it('leaves comp_mask zero in the session API', () => {
    const {fake, device} = open({}, 'session');
    device.login(LOGIN);
    device.createDek(WRAPPED);
    expect(fake.names).to.deep.equal(['mlx5dv_crypto_login', 'ibv_alloc_pd', 'mlx5dv_dek_create']);
    const view = new DataView(fake.calls.at(-1)!.struct!.buffer);
    expect(view.getBigUint64(ATTR.comp_mask, true)).to.equal(0n);
    expect(view.getBigUint64(ATTR.crypto_login, true)).to.equal(0n);
  });

  it('says plaintext by the bit without a login object', () => {
    const {fake, device} = open(PLAINTEXT_NIC);
    device.createDek({plaintext: Uint8Array.from({length: 32}, (_, i) => i), keySize: 128, keytag: false});
    const view = new DataView(fake.calls.at(-2)!.struct!.buffer);
    expect(view.getBigUint64(ATTR.comp_mask, true)).to.equal(1n);
    expect(view.getBigUint64(ATTR.crypto_login, true)).to.equal(0n);
    expect(view.getUint32(ATTR.key_size, true)).to.equal(0);
    expect(view.getUint8(ATTR.has_keytag)).to.equal(0);
  });

  const endings: [string, number | Error | undefined][] = [
    ['succeeds', undefined],
    ['fails', constants.errno.EINVAL],
    ['throws', new Error('from inside the call')],
  ];
  for (const [how, failure] of endings) {
    it(`wipes the key when the call ${how}, and leaves the caller's key alone`, () => {
      const {fake, device} = open();
      device.login(LOGIN);
      if (failure !== undefined) fake.failures.set('mlx5dv_dek_create', failure);
      const key = new Uint8Array(80).fill(0xaa);
      try {
        device.createDek({...WRAPPED, wrapped: key});
      } catch {}
      const {struct, live} = fake.calls.find(({name}) => name === 'mlx5dv_dek_create')!;
      expect(struct!.includes(0xaa)).to.equal(true);
      expect(live!.every((byte) => byte === 0)).to.equal(true);
      expect(key).to.deep.equal(WRAPPED.wrapped);
    });
  }

  it('wipes the key when an argument after it is refused', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    device.createDek(WRAPPED);
    const {live} = fake.calls.at(-1)!;
    expect(code(() => device.createDek({...WRAPPED, opaque: new Uint8Array(9)}))).to.equal('BAD_ARGUMENT');
    expect(live!.every((byte) => byte === 0)).to.equal(true);
  });

  it('allocates one protection domain for all DEKs', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    for (let i = 0; i < 3; i++) device.createDek(WRAPPED);
    expect(fake.names.filter((name) => name === 'ibv_alloc_pd')).to.have.length(1);
  });

  it('reads each option once', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    const reads: string[] = [];
    const options = new Proxy(WRAPPED, {
      get(target, name) {
        reads.push(String(name));
        return reads.filter((read) => read === name).length > 1 ? 'another answer' : Reflect.get(target, name);
      },
    });
    device.createDek(options);
    expect(reads.sort()).to.deep.equal(['allowEqualKeys', 'keySize', 'keytag', 'opaque', 'plaintext', 'wrapped']);
    expect(fake.names).to.include('mlx5dv_dek_create');
  });

  describe('refuses before the call', () => {
    const bytes = (length: number) => new Uint8Array(length);
    const wrong: [string, unknown][] = [
      ['no options', undefined],
      ['null for options', null],
      ['a number for options', 5],
      ['neither key', {keySize: 256, keytag: true}],
      ['both keys', {...WRAPPED, plaintext: bytes(72)}],
      ['a key of null', {...WRAPPED, wrapped: null}],
      ['a key as string', {...WRAPPED, wrapped: 'a'.repeat(80)}],
      ['a key as array', {...WRAPPED, wrapped: new Array(80).fill(1)}],
      ['a key as pointer', {...WRAPPED, wrapped: 0x1000n}],
      ['a key of 81 bytes', {...WRAPPED, wrapped: bytes(81)}],
      ['a key of 129 bytes', {...WRAPPED, wrapped: bytes(129)}],
      ['a key of 0 bytes', {...WRAPPED, wrapped: bytes(0)}],
      ['80 bytes without a keytag', {...WRAPPED, keytag: false}],
      ['80 bytes for 128 bits', {...WRAPPED, keySize: 128}],
      ['72 bytes with a keytag', {wrapped: bytes(72), keySize: 256, keytag: true}],
      ['40 bytes with a keytag', {wrapped: bytes(40), keySize: 128, keytag: true}],
      ['48 bytes without a keytag', {wrapped: bytes(48), keySize: 128, keytag: false}],
      ['a key size of 192', {...WRAPPED, keySize: 192}],
      ['a key size as string', {...WRAPPED, keySize: '256'}],
      ['a key size of NaN', {...WRAPPED, keySize: Number.NaN}],
      ['a keytag of 1', {...WRAPPED, keytag: 1}],
      ['a keytag as bytes', {...WRAPPED, keytag: bytes(8)}],
      ['no keytag', {...WRAPPED, keytag: undefined}],
      ['9 opaque bytes', {...WRAPPED, opaque: bytes(9)}],
      ['opaque text', {...WRAPPED, opaque: 'label'}],
      ['opaque null', {...WRAPPED, opaque: null}],
    ];
    for (const [title, options] of wrong) {
      it(title, () => {
        const {fake, device} = open();
        device.login(LOGIN);
        expect(code(() => device.createDek(options as CreateDekOptions))).to.equal('BAD_ARGUMENT');
        expect(fake.names).to.deep.equal(['mlx5dv_crypto_login_create']);
      });
    }

    it('a wrapped key without a login, since without one it would go as plaintext', () => {
      for (const caps of [{}, SILENT_NIC]) {
        const {fake, device} = open(caps);
        expect(code(() => device.createDek(WRAPPED))).to.equal('NO_LOGIN');
        expect(fake.names).to.deep.equal([]);
      }
    });

    it('a wrapped key after the logout', () => {
      const {fake, device} = open();
      device.login(LOGIN).close();
      expect(code(() => device.createDek(WRAPPED))).to.equal('NO_LOGIN');
      expect(fake.names).to.not.include('mlx5dv_dek_create');
    });

    it('a plaintext key for a NIC of wrapped import mode', () => {
      const {fake, device} = open();
      expect(code(() => device.createDek({plaintext: bytes(72), keySize: 256, keytag: true}))).to.equal('UNSUPPORTED');
      expect(fake.names).to.deep.equal(['mlx5dv_devx_general_cmd']); // what does it take now?
    });

    it('a wrapped key and a login for a NIC of plaintext import mode', () => {
      const {fake, device} = open(PLAINTEXT_NIC);
      expect(code(() => device.createDek(WRAPPED))).to.equal('UNSUPPORTED');
      expect(code(() => device.login(LOGIN))).to.equal('UNSUPPORTED');
      expect(new Set(fake.names)).to.deep.equal(new Set(['mlx5dv_devx_general_cmd']));
    });

    it('a plaintext key for a library before rdma-core 42', () => {
      const {fake, device} = open({...PLAINTEXT_NIC, old: true}, 'session');
      expect(code(() => device.createDek({plaintext: bytes(32), keySize: 128, keytag: false}))).to.equal('UNSUPPORTED');
      expect(fake.names).to.deep.equal([]);
    });
  });

  it('lets the NIC decide when its import mode is unknown', () => {
    const {fake, device} = open(SILENT_NIC);
    device.createDek({plaintext: Uint8Array.from({length: 32}, (_, i) => i), keySize: 128, keytag: false});
    device.login(LOGIN);
    device.createDek(WRAPPED);
    expect(fake.names.filter((name) => name === 'mlx5dv_dek_create')).to.have.length(2);
  });

  it('survives a protection domain that cannot be allocated', () => {
    const {fake, device} = open();
    device.login(LOGIN);
    fake.failures.set('ibv_alloc_pd', constants.errno.ENOMEM);
    expect(code(() => device.createDek(WRAPPED))).to.equal('LIMIT');
    device.createDek(WRAPPED);
  });
});
