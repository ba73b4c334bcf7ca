import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {wrapKey} from '../../src/wrap/index.js';
import {Client, hex} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';

/** A mailbox, written a field at a time: where it is and how wide, in bits from the first byte's highest. */
function mailbox(bytes: number, fields: readonly (readonly [at: number, bits: number, value: number | Uint8Array])[]) {
  const box = Buffer.alloc(bytes);
  for (const [at, bits, value] of fields) {
    if (typeof value !== 'number') box.set(value, at / 8);
    else
      for (let i = 0; i < bits; i++)
        if (Math.floor(value / 2 ** (bits - 1 - i)) % 2) box[(at + i) >> 3]! |= 0x80 >> ((at + i) % 8);
  }
  return box.toString('hex');
}

const ACCESS_REG = 0x805;
const ACCESS_REGISTER_USER = 0xb0c;
const OPERATIONAL = 0xc002;
const KEKS = 0xc004;
const CREDENTIALS = 0xc005;
const WRITE = 0;
const READ = 1;
const ADD = 1;
const DELETE = 2;

interface OfficerLogin {
  readonly kekId: number;
  readonly credentialId: number;
  readonly credential: Uint8Array;
}

/** 16 bytes of header, then the register. */
const access = (opcode: number, id: number, mode: number, fields: Parameters<typeof mailbox>[1] = []) =>
  mailbox(16 + (id === OPERATIONAL ? 0x80 : 0x300), [
    [0, 16, opcode],
    [0x30, 16, mode],
    [0x50, 16, id],
    ...fields.map(([at, bits, value]) => [0x80 + at, bits, value] as const),
  ]);

const operational = (kek: Uint8Array, credential: Uint8Array): string =>
  access(ACCESS_REG, OPERATIONAL, WRITE, [
    [0x1c, 4, kek.length === 32 ? 1 : 0],
    [0x40, 320, credential],
    [0x180, 256, kek],
  ]);

const loginFields = ({kekId, credentialId, credential}: OfficerLogin) =>
  [
    [0x88, 24, credentialId],
    [0xa8, 24, kekId],
    [0x200, 384, credential],
  ] as const;

/** `size`: of a KEK 0 or 1, of a credential its role. */
const add = (register: number, login: OfficerLogin, size: number, wrapped: Uint8Array, opcode = ACCESS_REG): string =>
  access(opcode, register, WRITE, [
    ...loginFields(login),
    [0x800 + (register === KEKS ? 0x54 : 0x58), register === KEKS ? 4 : 8, size],
    [0x800 + 0x200, 0, wrapped],
    [0x1004, 4, ADD],
  ]);

const remove = (register: number, login: OfficerLogin, id: number): string =>
  access(ACCESS_REG, register, WRITE, [...loginFields(login), [0x1004, 4, DELETE], [0x1008, 24, id]]);

const query = (register: number, login: OfficerLogin, id: number): string =>
  access(ACCESS_REG, register, READ, [...loginFields(login), [0x1008, 24, id]]);

/** What the first 16 bytes of an out mailbox say, and the id in a handle register. */
function read(answer: string): {status: number; syndrome: number; id: number; bytes: Buffer} {
  const bytes = Buffer.from(answer.replace(/^EREMOTEIO /, ''), 'hex');
  return {
    status: bytes[0]!,
    syndrome: bytes.readUInt32BE(4),
    id: bytes.length > 0x213 ? bytes.readUIntBE(16 + 0x201, 3) : 0,
    bytes,
  };
}

const OK = 0;
const BAD_OP = 2;
const BAD_PARAM = 3;
const BAD_SYS_STATE = 4;
const LIM_ERR = 8;
const BAD_RES_STATE = 9;
const BAD_IX = 0xa;

describe('the officer’s half of a virtual ConnectX', () => {
  let device: TestDevice;
  let client: Client;
  let login: OfficerLogin;

  const rpc = async (box: string, {scope = 1, bytes = 16 + 0x300} = {}) => {
    const answer = await client.ask(`rpc ${scope} ${bytes} ${box}`);
    return /^E/.test(answer) ? answer : read(answer);
  };
  const status = async (box: string): Promise<number | string> => {
    const answer = await rpc(box);
    return typeof answer === 'string' ? answer : answer.status;
  };
  const begin = async (commissioning: boolean) => {
    device = await testDevice({commissioning});
    client = new Client(device, 'officer.c');
    expect(await client.ask('open 0')).to.equal('ok');
    login = {kekId: device.kekId, credentialId: device.credentialId, credential: device.wrappedCredential};
  };
  const addKek = async (kek: Uint8Array, by = login) =>
    rpc(add(KEKS, by, kek.length === 32 ? 1 : 0, wrapKey(device.kek, kek)));

  afterEach(async () => {
    await client.end();
    device.remove();
  });

  describe('in commissioning', () => {
    beforeEach(() => begin(true));

    it('has no KEK, and takes no login and no registers of an officer', async () => {
      expect(device.nic.show()).to.deep.include({state: 'commissioning', importKeks: [], credentials: []});
      expect(await status(query(KEKS, login, 0))).to.equal(BAD_SYS_STATE);
    });

    for (const bytes of [16, 32]) {
      it(`turns operational with a KEK of ${bytes} bytes under id 0, once and for all`, async () => {
        const kek = randomBytes(bytes);
        const state = async () => {
          const answer = await rpc(access(ACCESS_REG, OPERATIONAL, READ));
          return typeof answer === 'string' ? answer : answer.bytes[16];
        };
        expect(await state()).to.equal(0);
        expect(await status(operational(kek, device.credential))).to.equal(OK);
        expect(await state()).to.equal(0x80);
        const {state: is, importKeks, credentials} = device.nic.show();
        expect({is, credentials}).to.deep.equal({is: 'operational', credentials: [{id: 0, role: 'officer'}]});
        expect(importKeks).to.have.lengthOf(1);
        expect(importKeks[0]).to.include({id: 0, bytes});
        expect(await status(operational(kek, device.credential))).to.equal(BAD_SYS_STATE);
        const officer = {kekId: 0, credentialId: 0, credential: wrapKey(kek, device.credential)};
        expect(await status(query(KEKS, officer, 0))).to.equal(OK);
      });
    }

    it('shows nothing that was written to CRYPTO_OPERATIONAL', async () => {
      await rpc(operational(device.kek, device.credential));
      const answer = await rpc(access(ACCESS_REG, OPERATIONAL, READ));
      expect(typeof answer === 'string' ? answer : hex(answer.bytes.subarray(17, 16 + 0x80))).to.match(/^0+$/);
    });

    it('refuses a bit that CRYPTO_OPERATIONAL has no name for, and the way back', async () => {
      expect(await status(access(ACCESS_REG, OPERATIONAL, WRITE, [[0x280, 1, 1]]))).to.equal(BAD_PARAM);
      expect(await status(access(ACCESS_REG, OPERATIONAL, WRITE, [[0x1, 1, 1]]))).to.equal(BAD_OP);
      expect(await status(access(ACCESS_REG, 0xc003, WRITE))).to.equal(BAD_OP);
      expect(device.nic.show().state).to.equal('commissioning');
    });

    it('a NIC of plaintext import has nothing to become', async () => {
      device.nic.set({importMode: 'plaintext'});
      expect(await status(operational(device.kek, device.credential))).to.equal(BAD_OP);
    });
  });

  describe('operational', () => {
    beforeEach(() => begin(false));

    it('chooses the ids of KEKs and credentials, and tells size and role of them', async () => {
      const ids = [await addKek(randomBytes(16)), await addKek(randomBytes(32))].map((answer) =>
        typeof answer === 'string' ? answer : answer.id,
      );
      expect(ids).to.deep.equal([1, 2]);
      const sizes = [];
      for (const id of ids) {
        const answer = await rpc(query(KEKS, login, id as number));
        if (typeof answer !== 'string') sizes.push(answer.bytes.readUInt32BE(16 + 0x108) >> 8);
      }
      expect(sizes).to.deep.equal([0, 1]);
      const user = await rpc(add(CREDENTIALS, login, 1, wrapKey(device.kek, randomBytes(40))));
      expect(user).to.include({status: OK, id: 1});
      expect(device.nic.show().credentials.at(-1)).to.deep.equal({id: 1, role: 'user'});
    });

    it('a KEK that it added is one: a login under it works, and turns INVALID when it is deleted', async () => {
      const kek = randomBytes(32);
      expect(await addKek(kek)).to.include({status: OK, id: 1});
      const other = new Client(device);
      try {
        await other.askAll(['open', 'pd']);
        const credential = hex(wrapKey(kek, device.credential));
        expect(await other.ask(`login 1 ${device.credentialId} ${credential}`)).to.equal('ok');
        expect(await other.ask('state')).to.equal('VALID');
        expect(await status(remove(KEKS, login, 1))).to.equal(OK);
        expect(await other.ask('state')).to.equal('INVALID');
      } finally {
        await other.end();
      }
    });

    it('serves nobody but an officer', async () => {
      const secret = randomBytes(40);
      await rpc(add(CREDENTIALS, login, 1, wrapKey(device.kek, secret)));
      const user = {...login, credentialId: 1, credential: wrapKey(device.kek, secret)};
      expect(await addKek(randomBytes(16), user)).to.include({status: BAD_RES_STATE});
      expect(await status(remove(KEKS, user, device.kekId))).to.equal(BAD_RES_STATE);
      expect(await status(query(KEKS, user, device.kekId))).to.equal(BAD_RES_STATE);
      const wrong = {...login, credential: wrapKey(device.kek, randomBytes(40))};
      expect(await status(query(KEKS, wrong, device.kekId))).to.equal(BAD_PARAM);
      expect(await status(query(KEKS, {...login, kekId: 77}, device.kekId))).to.equal(BAD_IX);
      expect(await status(query(KEKS, {...login, credentialId: 77}, device.kekId))).to.equal(BAD_IX);
      expect(device.nic.show().importKeks).to.have.lengthOf(1);
    });

    it('refuses what is wrapped by another KEK, an unknown id, a size or an operation that is none', async () => {
      expect(await status(add(KEKS, login, 1, wrapKey(randomBytes(32), randomBytes(32))))).to.equal(BAD_PARAM);
      expect(await status(add(KEKS, login, 2, wrapKey(device.kek, randomBytes(32))))).to.equal(BAD_PARAM);
      expect(await status(remove(KEKS, login, 9))).to.equal(BAD_IX);
      expect(await status(query(CREDENTIALS, login, 9))).to.equal(BAD_IX);
      expect(await status(access(ACCESS_REG, KEKS, WRITE, [...loginFields(login), [0x1004, 4, 3]]))).to.equal(
        BAD_PARAM,
      );
    });

    it('refuses one key more than it has room for', async () => {
      for (let i = 1; i < 64; i++) expect(await addKek(randomBytes(16))).to.include({status: OK, id: i});
      expect(await addKek(randomBytes(16))).to.include({status: LIM_ERR});
      expect(await status(remove(KEKS, login, 5))).to.equal(OK);
      expect(await addKek(randomBytes(16))).to.include({status: OK, id: 5});
    });

    it('fwctl says what it is, and lets through what the kernel lets through', async () => {
      expect(await client.ask('info')).to.equal('type 1, 8 bytes: 0100000004000000');
      expect(await rpc(mailbox(16, [[0, 16, 0xa00]]))).to.equal('EBADMSG');
      expect(await rpc(query(KEKS, login, device.kekId), {scope: 0})).to.equal('EBADMSG');
      expect(await rpc(add(KEKS, login, 1, wrapKey(device.kek, randomBytes(32))), {scope: 0})).to.include({status: OK});
      expect(await rpc(query(KEKS, login, device.kekId), {scope: 4})).to.equal('EOPNOTSUPP');
      expect(await rpc('00'.repeat(8))).to.equal('EMSGSIZE');
      expect(
        await status(
          mailbox(16, [
            [0, 16, 0xb14],
            [0x30, 16, 1],
          ]),
        ),
      ).to.equal(BAD_OP);
      const caps = await rpc(
        mailbox(16, [
          [0, 16, 0x100],
          [0x30, 16, (0x1a << 1) | 1],
        ]),
        {bytes: 4112},
      );
      expect(typeof caps === 'string' ? caps : [...caps.bytes.subarray(16 + 6, 16 + 8)]).to.deep.equal([6, 6]);
    });

    it('fwctl is there or not, as it is set, and goes with its NIC', async () => {
      device.nic.set({gone: true});
      expect(await rpc(query(KEKS, login, device.kekId))).to.equal('ENODEV');
      device.nic.set({gone: false, openErrno: 13});
      expect(await client.ask('open 0')).to.equal('EACCES');
      device.nic.set({openErrno: 0, fwctl: false});
      expect(await client.ask('open 0')).to.equal('ENOENT');
      expect(device.nic.show().fwctl).to.equal(false);
      device.nic.set({fwctl: true});
      expect(await client.ask('open 0')).to.equal('ok');
      expect(await client.ask('open 1')).to.equal('ENOENT');
    });

    it('DEVX reaches the registers where the firmware lets it', async () => {
      await client.ask('context 0');
      const kek = randomBytes(16);
      const box = add(KEKS, login, 0, wrapKey(device.kek, kek), ACCESS_REGISTER_USER);
      expect(read(await client.ask(`devx ${16 + 0x300} ${box}`)).status).to.equal(BAD_OP);
      device.nic.set({devxRegisters: true});
      expect(read(await client.ask(`devx ${16 + 0x300} ${box}`))).to.include({status: OK, id: 1});
      expect(await client.ask(`devx ${16 + 0x300} ${query(KEKS, login, 1)}`)).to.equal('EINVAL');
    });

    it('answers any bytes, by either way', async () => {
      await client.ask('context 0');
      device.nic.set({devxRegisters: true});
      for (let i = 0; i < 2000; i++) {
        const box = randomBytes(16 + (randomBytes(2).readUInt16LE() % 0x320));
        box.writeUInt16BE([ACCESS_REG, ACCESS_REGISTER_USER, 0x100, 0xb14][i % 4]!, 0);
        if (i % 3 > 0) box.writeUInt16BE(0xc001 + (i % 6), 10);
        if (i % 5 > 0) box.writeUInt16BE(i % 2, 6);
        if (i % 7 > 2) box.fill(0, 16);
        const bytes = 16 + (randomBytes(2).readUInt16LE() % 0x400);
        await client.ask(i % 2 ? `rpc ${i % 4} ${bytes} ${hex(box)}` : `devx ${bytes} ${hex(box)}`);
      }
      expect(await status(query(KEKS, login, device.kekId))).to.equal(OK);
      expect(device.nic.show()).to.deep.include({state: 'operational'});
    });

    it('a fault strikes a register, whichever way it is reached', async () => {
      device.nic.set({faults: [{command: 'access', status: 0xf, syndrome: 0x123}]});
      expect(await rpc(query(KEKS, login, device.kekId))).to.include({status: 0xf, syndrome: 0x123});
      expect(await status(query(KEKS, login, device.kekId))).to.equal(OK);
    });
  });

  describe('as objects of a context', () => {
    beforeEach(() => begin(false));
    const object = (type: number, fields: Parameters<typeof mailbox>[1]): string =>
      mailbox(16 + 0x100, [
        [0, 16, 0xa00],
        [0x30, 16, type],
        ...fields.map(([at, bits, value]) => [0x80 + at, bits, value] as const),
      ]);
    const logIn = (by = login): string => object(0x1f, loginFields(by));
    const kekObject = (kek: Uint8Array): string =>
      object(0x1d, [
        [0x54, 4, kek.length === 32 ? 1 : 0],
        [0x200, 0, wrapKey(device.kek, kek)],
      ]);
    const credentialObject = (role: number): string =>
      object(0x1e, [
        [0x58, 8, role],
        [0x200, 0, wrapKey(device.kek, randomBytes(40))],
      ]);
    const create = async (box: string): Promise<{status: number; id: number}> => {
      const bytes = Buffer.from((await client.ask(`create ${box}`)).replace(/^EREMOTEIO /, ''), 'hex');
      return {status: bytes[0]!, id: bytes.readUInt32BE(8)};
    };

    it('are made under an officer’s login, and gone when destroyed or when the context closes', async () => {
      await client.ask('context 0');
      expect((await create(kekObject(randomBytes(32)))).status).to.equal(BAD_RES_STATE);
      expect((await create(logIn())).status).to.equal(OK);
      expect(await create(kekObject(randomBytes(32)))).to.deep.equal({status: OK, id: 1});
      expect(await create(credentialObject(1))).to.deep.equal({status: OK, id: 1});
      expect(device.nic.show()).to.have.nested.property('importKeks.length', 2);
      const box = mailbox(16, [
        [0, 16, 0xa02],
        [0x30, 16, 0x1d],
        [0x40, 32, 1],
      ]);
      const answer = Buffer.from(await client.ask(`query 1 ${box}`), 'hex');
      expect(answer[16 + 10]).to.equal(1);
      expect(await client.ask('destroy 1')).to.equal('ok');
      expect(device.nic.show().importKeks).to.have.lengthOf(1);
      expect(device.nic.show().credentials).to.have.lengthOf(2);
      expect(await client.ask('close')).to.equal('ok');
      expect(device.nic.show().credentials).to.have.lengthOf(1);
    });

    it('go with a process that is killed, at the next look', async () => {
      const killed = new Client(device, 'officer.c');
      await killed.askAll(['context 0', `create ${logIn()}`, `create ${kekObject(randomBytes(16))}`]);
      expect(device.nic.show().importKeks).to.have.lengthOf(2);
      await killed.end();
      expect(await status(query(KEKS, login, 1))).to.equal(BAD_IX);
      expect(device.nic.show().importKeks).to.have.lengthOf(1);
    });

    it('are not made by a user', async () => {
      const secret = randomBytes(40);
      await rpc(add(CREDENTIALS, login, 1, wrapKey(device.kek, secret)));
      await client.ask('context 0');
      await create(logIn({...login, credentialId: 1, credential: wrapKey(device.kek, secret)}));
      expect((await create(kekObject(randomBytes(32)))).status).to.equal(BAD_RES_STATE);
    });
  });
});
