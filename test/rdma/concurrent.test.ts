/** Calls off the main thread: what goes to C, and what is refused while they are under way. */
import {constants} from 'node:os';
import {setTimeout as delay} from 'node:timers/promises';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {Dek} from '../../src/rdma/dek/dek.js';
import type {CreateDekOptions, DekColumn} from '../../src/rdma/dek/keys.js';
import {code, open, PLAINTEXT_NIC, WRAPPED} from '../support/nic/fake-device.js';
import type {FakeLibrary} from '../support/nic/fake-library.js';
import {until} from '../support/until.js';

const {EAGAIN, EBUSY, EINVAL, EIO} = constants.errno;
const LOGIN = {credential: new Uint8Array(48), credentialId: 1, importKekId: 2};
const PLAINTEXT = {plaintext: new Uint8Array(32).fill(1, 16), keySize: 128, keytag: false} as const;

/** Logged in to a NIC that takes its time, so that calls go off this thread. */
function loggedIn() {
  const {fake, device} = open();
  fake.failWhen = () => {
    for (const end = performance.now() + 2; performance.now() < end; );
    return 0;
  };
  const login = device.login(LOGIN);
  fake.failWhen = () => 0;
  return {fake, device, login};
}

/** Logged in to a NIC that answers at once, so that the calls of a large batch stay on this thread. */
function quicklyLoggedIn() {
  const {fake, device} = open();
  return {fake, device, login: device.login(LOGIN)};
}

/** Waits until `count` calls are under way; `fake.held` keeps them so. */
function underWay(fake: FakeLibrary, count: number): Promise<void> {
  return until(
    () => fake.underWay.length >= count,
    () => `${count} calls under way, not ${fake.underWay.length}`,
  );
}

function codeOf(error: unknown): string {
  if (error instanceof DekError) return error.code;
  throw error ?? new Error('no error');
}

const rejected = (promise: Promise<unknown>) => promise.then(() => codeOf(undefined), codeOf);
const results = (list: readonly unknown[]) =>
  list.map((one) => (one instanceof Dek ? 'Dek' : one instanceof DekError ? one.code : one));

describe('createDeks', () => {
  it('hands over the same structure as createDek', async () => {
    const {fake, device} = loggedIn();
    const options = {...WRAPPED, opaque: new Uint8Array([1, 2, 3])};
    device.createDek(options);
    await device.createDeks([options]);
    const structs = fake.calls.filter(({name}) => name === 'mlx5dv_dek_create').map(({struct}) => struct);
    expect(structs).to.have.length(2);
    expect(structs[1]).to.deep.equal(structs[0]);
  });

  it('names no login in the session API, and plaintext by the bit alone', async () => {
    const session = open({}, 'session');
    session.device.login(LOGIN);
    await session.device.createDeks([WRAPPED]);
    const plain = open(PLAINTEXT_NIC);
    await plain.device.createDeks([PLAINTEXT]);
    const creates = [session, plain].map(({fake}) => fake.calls.filter(({name}) => name === 'mlx5dv_dek_create'));
    const masks = creates.map((calls) => calls.at(-1)!.struct!.slice(160));
    expect([...masks[0]!]).to.deep.equal(new Array(16).fill(0));
    expect([...masks[1]!]).to.deep.equal([1, ...new Array(15).fill(0)]);
  });

  it('resolves with a DEK or an error for each, in order', async () => {
    const {fake, device} = loggedIn();
    const list = Array.from({length: 10}, (_, i) => ({...WRAPPED, wrapped: new Uint8Array(80).fill(i)}));
    fake.failWhen = (name, struct) =>
      name !== 'mlx5dv_dek_create' ? 0 : struct![32] === 2 ? EINVAL : struct![32] === 6 ? EAGAIN : 0;
    const {deks, states} = await device.createDeks(list);
    expect(states).to.equal(undefined);
    const expected: string[] = new Array(10).fill('Dek');
    expected[2] = 'REFUSED';
    expected[6] = 'BUSY';
    expect(results(deks)).to.deep.equal(expected);
    expect((deks[6] as DekError).errno).to.equal('EAGAIN');
    expect(deks[0]).to.include({keySize: 256, keytag: true, closed: false});
  });

  it('queries each right after its create, when asked to, and tells those that are not READY', async () => {
    const {fake, device} = loggedIn();
    let queries = 0;
    fake.failWhen = (name, struct) => {
      if (name === 'mlx5dv_dek_create') return struct![32] === 1 ? EINVAL : 0;
      if (name !== 'mlx5dv_dek_query') return 0;
      const query = queries++;
      if (query === 1) struct![0] = 1; // ERROR
      return query === 2 ? EBUSY : 0;
    };
    const list = Array.from({length: 5}, (_, i) => ({...WRAPPED, wrapped: new Uint8Array(80).fill(i)}));
    fake.calls.length = 0;
    const {deks, states} = await device.createDeks(list, {query: true});
    expect(results(deks)).to.deep.equal(['Dek', 'REFUSED', 'Dek', 'Dek', 'Dek']);
    expect(results(states!)).to.deep.equal(['READY', undefined, 'ERROR', 'BUSY', 'READY']);
    expect(queries).to.equal(4);
  });

  it('takes only true or false for whether to query', async () => {
    const {fake, device} = loggedIn();
    for (const no of [{query: 1}, {query: null}, null, true]) {
      expect(await rejected(device.createDeks([WRAPPED], no as never))).to.equal('BAD_ARGUMENT');
    }
    expect(fake.names).to.deep.equal(['mlx5dv_crypto_login_create']);
  });

  it('queries behind each plaintext key on this thread, asked to or not: that overwrites a copy of it', async () => {
    for (const options of [{}, {query: true}]) {
      const {fake, device} = open(PLAINTEXT_NIC);
      const {states} = await device.createDeks([PLAINTEXT, PLAINTEXT], options);
      device.createDek(PLAINTEXT);
      const calls = fake.names.filter((name) => name.startsWith('mlx5dv_dek'));
      expect(calls).to.deep.equal(new Array(3).fill(['mlx5dv_dek_create', 'mlx5dv_dek_query']).flat());
      expect(states).to.deep.equal('query' in options ? ['READY', 'READY'] : undefined);
      expect(fake.underWay).to.deep.equal([]);
    }
  });

  it('copies keys at the call, and wipes its copies', async () => {
    const {fake, device} = loggedIn();
    const keys = Array.from({length: 6}, () => new Uint8Array(80).fill(0xaa));
    fake.failWhen = (name) => (name === 'mlx5dv_dek_create' && fake.calls.length % 2 ? EINVAL : 0);
    const made = device.createDeks(keys.map((wrapped) => ({...WRAPPED, wrapped})));
    for (const key of keys) key.fill(0x55);
    await made;
    const creates = fake.calls.filter(({name}) => name === 'mlx5dv_dek_create');
    expect(creates).to.have.length(6);
    for (const {struct, live} of creates) {
      expect(struct!.subarray(32, 112).every((byte) => byte === 0xaa)).to.equal(true);
      expect(live!.every((byte) => byte === 0)).to.equal(true);
    }
  });

  const wrong: [string, unknown, string][] = [
    ['no list', undefined, '"deks" expected an object, got type=undefined'],
    ['an object', {length: 1, 0: WRAPPED}, '"keySize" expected 128 or 256'],
    ['a hole', Object.assign(new Array(2), {0: WRAPPED}), 'deks[1]: "options" expected an object, got type=undefined'],
    ['a short key', [WRAPPED, {...WRAPPED, wrapped: new Uint8Array(79)}], 'deks[1]: "wrapped" expected Uint8Array'],
    ['a key size as text', [{...WRAPPED, keySize: '256'}], 'deks[0]: "keySize" expected 128 or 256'],
  ];
  for (const [title, list, message] of wrong) {
    it(`rejects ${title}, and sends nothing`, async () => {
      const {fake, device} = loggedIn();
      const error = await device.createDeks(list as CreateDekOptions[]).catch((reason) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('code', 'BAD_ARGUMENT');
      expect(error.message).to.contain(message);
      await delay(5);
      expect(fake.names).to.deep.equal(['mlx5dv_crypto_login_create']);
    });
  }

  it('rejects what cannot be sent at all', async () => {
    const {fake, device} = open();
    expect(await rejected(device.createDeks([WRAPPED]))).to.equal('NO_LOGIN');
    expect(await rejected(device.createDeks([PLAINTEXT]))).to.equal('UNSUPPORTED');
    device.close();
    expect(await rejected(device.createDeks([WRAPPED]))).to.equal('CLOSED');
    // Only asked what the NIC takes now.
    expect(fake.names).to.deep.equal(['mlx5dv_devx_general_cmd', 'ibv_close_device']);
  });

  it('refuses a plaintext key with two equal halves alone', async () => {
    const {fake, device} = open(PLAINTEXT_NIC);
    const plaintext = (second: number) => new Uint8Array(72).fill(1).fill(second, 32, 64);
    const list = [2, 1, 3].map((second) => ({plaintext: plaintext(second), keySize: 256, keytag: true}) as const);
    expect(results((await device.createDeks(list)).deks)).to.deep.equal(['Dek', 'EQUAL_KEYS', 'Dek']);
    expect(fake.names.filter((name) => name === 'mlx5dv_dek_create')).to.have.length(2);
  });

  for (const [where, logIn, each] of [
    ['off this thread', loggedIn, 10],
    ['on this thread', quicklyLoggedIn, 150],
  ] as const) {
    it(`leaves nothing of a longer key in the structure of a later DEK, ${where}`, async () => {
      const {fake, device} = logIn();
      const long = {...WRAPPED, opaque: new Uint8Array(8).fill(0xee)};
      const short = {wrapped: new Uint8Array(40).fill(0xbb), keySize: 128, keytag: false} as const;
      // More than are under way at once, so that structures are used again.
      await device.createDeks([...new Array(each).fill(long), ...new Array(each).fill(short)]);
      const structs = fake.calls.flatMap(({name, struct}) => (name === 'mlx5dv_dek_create' ? struct! : []));
      expect(structs).to.have.length(2 * each);
      for (const struct of structs.slice(each)) {
        expect([...struct.subarray(24, 32)]).to.deep.equal(new Array(8).fill(0));
        expect([...struct.subarray(32, 72)]).to.deep.equal(new Array(40).fill(0xbb));
        expect([...struct.subarray(72, 160)]).to.deep.equal(new Array(88).fill(0));
      }
    });
  }

  it('takes an empty list', async () => {
    const {device} = open();
    expect(await device.createDeks([])).to.deep.equal({deks: []});
    expect(await device.createDeks([], {query: true})).to.deep.equal({deks: [], states: []});
    expect(await device.queryDeks([])).to.deep.equal([]);
    expect(await device.destroyDeks([])).to.deep.equal([]);
  });

  it('asks why a few times at most, when the NIC refuses many', async () => {
    const {fake, device} = loggedIn();
    fake.failWhen = (name) => (name === 'mlx5dv_dek_create' ? EINVAL : 0);
    const {deks} = await device.createDeks(new Array(500).fill(WRAPPED));
    expect(new Set(results(deks))).to.deep.equal(new Set(['REFUSED']));
    for (const question of ['mlx5dv_crypto_login_query', 'mlx5dv_devx_general_cmd']) {
      expect(fake.names.filter((name) => name === question).length).to.be.within(1, 100);
    }
  });
});

describe('createDeks of a column', () => {
  const column = (count: number): DekColumn & {wrapped: Uint8Array} => ({
    wrapped: new Uint8Array(count * 80).map((_, at) => 1 + Math.floor(at / 80)),
    keySize: 256,
    keytag: true,
    opaque: new Uint8Array(count * 8).map((_, at) => 101 + Math.floor(at / 8)),
  });

  it('hands over the same structures as a list', async () => {
    const {fake, device} = loggedIn();
    const {wrapped, opaque, ...layout} = column(6);
    const list = Array.from({length: 6}, (_, i) => ({
      ...layout,
      wrapped: wrapped.slice(i * 80, (i + 1) * 80),
      opaque: opaque.slice(i * 8, (i + 1) * 8),
    }));
    await device.createDeks(list);
    const {deks} = await device.createDeks({wrapped, opaque, ...layout});
    expect(results(deks)).to.deep.equal(new Array(6).fill('Dek'));
    const structs = fake.calls.filter(({name}) => name === 'mlx5dv_dek_create').map(({struct}) => struct);
    expect(structs).to.have.length(12);
    expect(structs.slice(6)).to.deep.equal(structs.slice(0, 6));
  });

  for (const [where, logIn, count] of [
    ['off this thread', loggedIn, 5],
    ['on this thread', quicklyLoggedIn, 257],
  ] as const) {
    it(`tells of each, in order, and of those that are not READY, ${where}`, async () => {
      const {fake, device} = logIn();
      let queries = 0;
      fake.failWhen = (name, struct) => {
        if (name === 'mlx5dv_dek_create' && struct![32] === 3) return EINVAL;
        if (name !== 'mlx5dv_dek_query') return 0;
        const query = queries++;
        if (query === 1) struct![0] = 1; // ERROR
        return query === 2 ? EBUSY : 0;
      };
      const {deks, states} = await device.createDeks(column(count), {query: true});
      const rest = <T>(value: T): T[] => new Array<T>(count - 5).fill(value);
      expect(results(deks)).to.deep.equal(['Dek', 'Dek', 'REFUSED', 'Dek', 'Dek', ...rest('Dek')]);
      expect(results(states!)).to.deep.equal(['READY', 'ERROR', undefined, 'BUSY', 'READY', ...rest('READY')]);
      expect(deks[0]).to.include({keySize: 256, keytag: true});
    });

    it(`does not take an answer that is none for READY, ${where}`, async () => {
      const {fake, device} = logIn();
      fake.answersQueries = false;
      const {states} = await device.createDeks(column(count), {query: true});
      expect(states).to.deep.equal(new Array(count).fill('ERROR'));
    });
  }

  it('takes plaintext keys too', async () => {
    const {fake, device} = open(PLAINTEXT_NIC);
    const plaintext = new Uint8Array(3 * 72).map((_, at) => at % 251);
    const {deks} = await device.createDeks({plaintext, keySize: 256, keytag: true, opaque: new Uint8Array(24)});
    expect(results(deks)).to.deep.equal(['Dek', 'Dek', 'Dek']);
    const structs = fake.calls.flatMap(({name, struct}) => (name === 'mlx5dv_dek_create' ? struct! : []));
    for (const [i, struct] of structs.entries()) {
      expect([...struct.subarray(32, 104)]).to.deep.equal([...plaintext.subarray(i * 72, (i + 1) * 72)]);
    }
  });

  it('copies keys and labels at the call', async () => {
    const {fake, device} = loggedIn();
    const mine = column(5);
    const made = device.createDeks(mine);
    mine.wrapped.fill(0x55);
    mine.opaque.fill(0x55);
    await made;
    for (const [i, {struct}] of fake.calls.filter(({name}) => name === 'mlx5dv_dek_create').entries()) {
      expect([struct![24], struct![32], struct![111]]).to.deep.equal([101 + i, 1 + i, 1 + i]);
    }
  });

  it('takes none', async () => {
    expect(await loggedIn().device.createDeks(column(0))).to.deep.equal({deks: []});
  });

  for (const [title, changes, message] of [
    ['neither', {wrapped: undefined}, 'expected either "wrapped" or "plaintext"'],
    ['both', {plaintext: new Uint8Array(216)}, 'expected either "wrapped" or "plaintext"'],
    ['a part of a key', {wrapped: new Uint8Array(239)}, '"wrapped" expected Uint8Array of 0 to'],
    ['a label too few', {opaque: new Uint8Array(16)}, '"opaque" expected Uint8Array of length 24'],
    ['no labels', {opaque: undefined}, '"opaque" expected Uint8Array of length 24'],
    ['another layout', {keytag: false}, '"wrapped" expected Uint8Array'],
    ['a key size as text', {keySize: '256'}, '"keySize" expected 128 or 256'],
    ['shared memory', {wrapped: new Uint8Array(new SharedArrayBuffer(240))}, 'shared memory'],
  ] as const) {
    it(`rejects ${title}, and sends nothing`, async () => {
      const {fake, device} = loggedIn();
      const wrong = {...column(3), ...changes};
      const error = await device.createDeks(wrong as DekColumn).catch((reason) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('code', 'BAD_ARGUMENT');
      expect(error.message).to.contain(message);
      await delay(5);
      expect(fake.names).to.deep.equal(['mlx5dv_crypto_login_create']);
    });
  }

  it('rejects what cannot be sent at all', async () => {
    const {device} = open();
    expect(await rejected(device.createDeks(column(1)))).to.equal('NO_LOGIN');
    expect(await rejected(open(PLAINTEXT_NIC).device.createDeks(column(1)))).to.equal('UNSUPPORTED');
    device.close();
    expect(await rejected(device.createDeks(column(1)))).to.equal('CLOSED');
  });
});

describe('queryDeks and destroyDeks', () => {
  it('tell of each, in order', async () => {
    const {fake, device} = loggedIn();
    const deks = (await device.createDeks(new Array(5).fill(WRAPPED))).deks as Dek[];
    deks[1]!.destroy();
    let calls = 0;
    fake.failWhen = (name) => (name === 'mlx5dv_dek_query' && ++calls === 2 ? EIO : 0);
    expect(results(await device.queryDeks(deks))).to.deep.equal(['READY', 'CLOSED', 'REFUSED', 'READY', 'READY']);
    fake.failWhen = () => 0;
    fake.failures.set('mlx5dv_dek_destroy', EBUSY);
    expect(results(await device.destroyDeks(deks))).to.deep.equal(['BUSY', 'CLOSED', undefined, undefined, undefined]);
    expect(deks.map((dek) => dek.closed)).to.deep.equal([false, true, true, true, true]);
    await deks[0]!.destroyAsync();
    expect(await rejected(deks[0]!.destroyAsync())).to.equal('CLOSED');
    expect(await rejected(deks[0]!.queryAsync())).to.equal('CLOSED');
  });

  it('take DEKs of their own device only', async () => {
    const [one, other] = [loggedIn(), loggedIn()];
    const dek = other.device.createDek(WRAPPED);
    for (const list of [[dek], [{}], [null], [Object.create(Dek.prototype)], dek]) {
      expect(await rejected(one.device.queryDeks(list as Dek[]))).to.equal('BAD_ARGUMENT');
      expect(await rejected(one.device.destroyDeks(list as Dek[]))).to.equal('BAD_ARGUMENT');
    }
    expect(dek.closed).to.equal(false);
  });

  it('do not look at the list again', async () => {
    const {device} = loggedIn();
    const deks = [device.createDek(WRAPPED), device.createDek(WRAPPED)];
    const states = device.queryDeks(deks);
    deks.length = 0;
    expect(await states).to.deep.equal(['READY', 'READY']);
  });
});

describe('while calls are under way', () => {
  it('a DEK that is queried cannot be destroyed, but queried again', async () => {
    const {fake, device} = loggedIn();
    const dek = device.createDek(WRAPPED);
    fake.held = true;
    const states = [dek.queryAsync(), dek.queryAsync()];
    await underWay(fake, 2);
    expect(code(() => dek.destroy())).to.equal('BUSY');
    expect(await rejected(dek.destroyAsync())).to.equal('BUSY');
    expect(dek.query().state).to.equal('READY');
    expect(fake.names).to.not.include('mlx5dv_dek_destroy');
    fake.release();
    expect((await Promise.all(states)).map(({state}) => state)).to.deep.equal(['READY', 'READY']);
    dek.destroy();
  });

  it('a DEK that is destroyed can neither be queried nor destroyed again', async () => {
    const {fake, device} = loggedIn();
    const dek = device.createDek(WRAPPED);
    fake.held = true;
    const destroyed = dek.destroyAsync();
    await underWay(fake, 1);
    expect(dek.closed).to.equal(false);
    expect(code(() => dek.query())).to.equal('BUSY');
    expect(code(() => dek.destroy())).to.equal('BUSY');
    expect(results(await device.destroyDeks([dek, dek]))).to.deep.equal(['BUSY', 'BUSY']);
    fake.release();
    await destroyed;
    expect(dek.closed).to.equal(true);
    expect(fake.names.filter((name) => name === 'mlx5dv_dek_destroy')).to.have.length(1);
  });

  it('a DEK whose destroy fails can be used again', async () => {
    const {fake, device} = loggedIn();
    const dek = device.createDek(WRAPPED);
    fake.failures.set('mlx5dv_dek_destroy', EBUSY);
    expect(await rejected(dek.destroyAsync())).to.equal('BUSY');
    expect((await dek.queryAsync()).state).to.equal('READY');
    await dek.destroyAsync();
  });

  it('the login that creates name cannot be closed', async () => {
    const {fake, device, login} = loggedIn();
    device.createDek(WRAPPED); // the protection domain is there
    fake.held = true;
    const made = device.createDeks([WRAPPED]);
    await underWay(fake, 1);
    expect(code(() => login.close())).to.equal('BUSY');
    expect(fake.names).to.not.include('mlx5dv_crypto_login_destroy');
    fake.release();
    await made;
    login.close();
  });

  it('a create that waits for its turn finds the login closed', async () => {
    const {fake, device, login} = loggedIn();
    const made = device.createDeks([WRAPPED, WRAPPED]);
    login.close();
    expect(results((await made).deks)).to.deep.equal(['NO_LOGIN', 'NO_LOGIN']);
    expect(fake.names).to.not.include('mlx5dv_dek_create');
  });

  it('the device cannot be closed', async () => {
    const {fake, device} = loggedIn();
    const made = device.createDeks([WRAPPED]);
    expect(code(() => device.close())).to.equal('BUSY');
    expect(code(() => device[Symbol.dispose]())).to.equal('BUSY');
    expect(results((await made).deks)).to.deep.equal(['Dek']);
    device.close();
    expect(fake.names.at(-1)).to.equal('ibv_close_device');
  });
});

describe('a login off this thread', () => {
  it('is made, asked for and closed', async () => {
    const {fake, device} = open();
    const login = await device.loginAsync(LOGIN);
    expect([device.currentLogin, await login.queryAsync()]).to.deep.equal([login, 'VALID']);
    await login.closeAsync();
    expect(await rejected(login.queryAsync())).to.equal('CLOSED');
    expect(await rejected(login.closeAsync())).to.equal('CLOSED');
    const calls = ['create', 'query', 'destroy'].map((call) => `mlx5dv_crypto_login_${call}`);
    expect(fake.names).to.deep.equal(calls);
  });

  it('copies the credential at the call, and wipes its copy', async () => {
    const {fake, device} = open();
    const credential = new Uint8Array(48).fill(0xaa);
    const made = device.loginAsync({...LOGIN, credential});
    credential.fill(0x55);
    await made;
    expect(new Set(fake.pointedAt!.copy)).to.deep.equal(new Set([0xaa]));
    expect(fake.pointedAt!.live.every((byte) => byte === 0)).to.equal(true);
  });

  it('is one, also while it is under way', async () => {
    const {fake, device} = open();
    fake.held = true;
    const made = device.loginAsync(LOGIN);
    await underWay(fake, 1);
    expect(code(() => device.login(LOGIN))).to.equal('EXISTS');
    expect(await rejected(device.loginAsync(LOGIN))).to.equal('EXISTS');
    fake.release();
    expect((await made).closed).to.equal(false);
  });

  it('that is asked for is closed after the answer, and not asked again before', async () => {
    const {fake, device} = open();
    const login = device.login(LOGIN);
    fake.held = true;
    const state = login.queryAsync();
    await underWay(fake, 1);
    expect(code(() => login.close())).to.equal('BUSY');
    const closed = login.closeAsync();
    expect(await rejected(login.queryAsync())).to.equal('BUSY');
    expect(await rejected(login.closeAsync())).to.equal('BUSY');
    expect(fake.names.at(-1)).to.equal('mlx5dv_crypto_login_create');
    fake.release();
    expect(await state).to.equal('VALID');
    await closed;
    expect(fake.names.slice(-2)).to.deep.equal(['mlx5dv_crypto_login_query', 'mlx5dv_crypto_login_destroy']);
  });

  it('whose end fails lives on', async () => {
    const {fake, device} = open();
    const login = device.login(LOGIN);
    fake.failures.set('mlx5dv_crypto_login_destroy', EBUSY);
    expect(await rejected(login.closeAsync())).to.equal('BUSY');
    expect(await login.queryAsync()).to.equal('VALID');
    await login.closeAsync();
  });

  it('keeps its device open until it has answered', async () => {
    const {fake, device} = open();
    fake.held = true;
    const made = device.loginAsync(LOGIN);
    await underWay(fake, 1);
    expect(code(() => device.close())).to.equal('BUSY');
    const closed = device.closeAsync();
    expect(await rejected(device.readCapsAsync())).to.equal('CLOSED');
    fake.release();
    const login = await made;
    await closed;
    expect(login.closed).to.equal(true);
    expect(fake.names.slice(-2)).to.deep.equal(['mlx5dv_crypto_login_destroy', 'ibv_close_device']);
  });
});

describe('closeAsync', () => {
  it('waits for the calls under way, destroys all DEKs and closes in order', async () => {
    const {fake, device, login} = loggedIn();
    const deks = Array.from({length: 10}, () => device.createDek(WRAPPED));
    fake.calls.length = 0;
    fake.held = true;
    const state = deks[0]!.queryAsync();
    await underWay(fake, 1);
    const closed = device.closeAsync();
    const refusals = [
      code(() => device.createDek(WRAPPED)),
      code(() => deks[1]!.query()),
      code(() => login.query()),
      code(() => device.close()),
      await rejected(device.createDeks([WRAPPED])),
      await rejected(device.queryDeks(deks)),
      await rejected(device.destroyDeks(deks)),
      await rejected(deks[1]!.queryAsync()),
      await rejected(device.closeAsync()),
    ];
    expect(new Set(refusals)).to.deep.equal(new Set(['CLOSED']));
    expect(fake.names).to.deep.equal([]);
    fake.release();
    expect((await state).state).to.equal('READY');
    await closed;
    expect(fake.names).to.deep.equal([
      'mlx5dv_dek_query',
      ...new Array(10).fill('mlx5dv_dek_destroy'),
      'mlx5dv_crypto_login_destroy',
      'ibv_dealloc_pd',
      'ibv_close_device',
    ]);
    expect([device.closed, login.closed, ...deks.map((dek) => dek.closed)]).to.not.include(false);
    expect(await rejected(device.closeAsync())).to.equal('CLOSED');
  });

  it('lets calls that wait for their turn end as CLOSED', async () => {
    const {fake, device} = loggedIn();
    device.createDek(WRAPPED);
    fake.calls.length = 0;
    const made = device.createDeks(new Array(20).fill(WRAPPED));
    await device.closeAsync();
    expect(new Set(results((await made).deks))).to.deep.equal(new Set(['CLOSED']));
    expect(fake.names).to.not.include('mlx5dv_dek_create');
  });

  it('stays open when a DEK is busy, and closes the rest at the next try', async () => {
    const {fake, device} = loggedIn();
    const deks = (await device.createDeks(new Array(10).fill(WRAPPED))).deks as Dek[];
    fake.failures.set('mlx5dv_dek_destroy', EBUSY);
    expect(await rejected(device.closeAsync())).to.equal('BUSY');
    expect(device.closed).to.equal(false);
    const left = deks.filter((dek) => !dek.closed);
    expect(left.length).to.be.greaterThan(0);
    expect(await device.queryDeks(left)).to.deep.equal(left.map(() => 'READY'));
    // A new DEK must not come to life in the handle of one that is gone.
    const fresh = device.createDek(WRAPPED);
    expect(deks.filter((dek) => !dek.closed)).to.deep.equal(left);
    await device.closeAsync();
    expect([device.closed, fresh.closed]).to.deep.equal([true, true]);
    expect(fake.names.filter((name) => name === 'mlx5dv_dek_destroy')).to.have.length(12);
  });

  it('closes the context also when the NIC is gone', async () => {
    const {fake, device} = loggedIn();
    await device.createDeks(new Array(10).fill(WRAPPED));
    fake.failWhen = (name) => (name === 'ibv_close_device' ? 0 : EIO);
    await device.closeAsync();
    expect(device.closed).to.equal(true);
    expect(fake.names.at(-1)).to.equal('ibv_close_device');
  });
});
