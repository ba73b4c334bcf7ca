import {expect} from 'chai';
import {getField, putField} from '../../../src/officer/registers/mailbox.js';
import {
  additionRegister,
  deletionRegister,
  operationalRegister,
  queryRegister,
  readId,
  readKey,
  readOperational,
} from '../../../src/officer/registers/registers.js';

const bytes = (length: number, first: number): Uint8Array => Uint8Array.from({length}, (_, i) => (first + i) & 255);
const hex = (register: Uint8Array, from: number, to: number): string =>
  Buffer.from(register.subarray(from, to)).toString('hex');
const LOGIN = {credential: bytes(48, 0x80), credentialId: 0x010203, importKekId: 0x0a0b0c};

describe('mailbox', () => {
  it('counts bits from the highest of the first byte', () => {
    const box = new Uint8Array(8);
    putField(box, [4, 4], 0xf);
    putField(box, [8, 24], 0x123456);
    putField(box, [63, 1], 1);
    expect(hex(box, 0, 8)).to.equal('0f12345600000001');
    expect(getField(box, [8, 24])).to.equal(0x123456);
    putField(box, [32, 32], 0xffffffff);
    expect(getField(box, [32, 32])).to.equal(0xffffffff);
    putField(box, [8, 24], 0);
    expect(hex(box, 0, 4)).to.equal('0f000000');
  });
});

describe('the officer’s registers', () => {
  it('CRYPTO_OPERATIONAL has the credential at byte 8 and the KEK at byte 0x30, first byte first', () => {
    const register = operationalRegister(bytes(32, 1), bytes(40, 0x40));
    expect(register).to.have.lengthOf(0x80);
    expect(hex(register, 0, 8)).to.equal('0000000100000000');
    expect(hex(register, 8, 0x30)).to.equal(Buffer.from(bytes(40, 0x40)).toString('hex'));
    expect(hex(register, 0x30, 0x50)).to.equal(Buffer.from(bytes(32, 1)).toString('hex'));
    expect(hex(register, 0x50, 0x80)).to.match(/^0+$/);
    const small = operationalRegister(bytes(16, 1), bytes(40, 0));
    expect(small[3]).to.equal(0);
    expect(hex(small, 0x40, 0x50)).to.match(/^0+$/);
  });

  it('tells the two bits of its state', () => {
    expect(readOperational(Uint8Array.of(0x80))).to.deep.equal({operational: true, goingToCommissioning: false});
    expect(readOperational(Uint8Array.of(0xc0))).to.deep.equal({operational: true, goingToCommissioning: true});
    expect(readOperational(Uint8Array.of(0x00))).to.deep.equal({operational: false, goingToCommissioning: false});
  });

  it('an addition has the login, the object and the operation in their places', () => {
    const kek = additionRegister('kek', LOGIN, {wrapped: bytes(40, 3)});
    expect(kek).to.have.lengthOf(0x300);
    expect(hex(kek, 0x10, 0x18)).to.equal('00010203000a0b0c');
    expect(hex(kek, 0x40, 0x70)).to.equal(Buffer.from(LOGIN.credential).toString('hex'));
    expect(hex(kek, 0x108, 0x10c)).to.equal('00000100');
    expect(hex(kek, 0x140, 0x168)).to.equal(Buffer.from(bytes(40, 3)).toString('hex'));
    expect(hex(kek, 0x200, 0x204)).to.equal('01000000');
    expect(hex(additionRegister('kek', LOGIN, {wrapped: bytes(24, 3)}), 0x108, 0x10c)).to.equal('00000000');
    const user = additionRegister('credential', LOGIN, {wrapped: bytes(48, 3), role: 'user'});
    expect(hex(user, 0x108, 0x10c)).to.equal('00000001');
    const officer = additionRegister('credential', LOGIN, {wrapped: bytes(48, 3), role: 'officer'});
    expect(hex(officer, 0x108, 0x10c)).to.equal('00000000');
  });

  it('a deletion and a query have the id, and nothing of an object', () => {
    const deletion = deletionRegister(LOGIN, 0x21);
    expect(hex(deletion, 0x100, 0x200)).to.match(/^0+$/);
    expect(hex(deletion, 0x200, 0x204)).to.equal('02000021');
    expect(hex(queryRegister(LOGIN, 0x21), 0x200, 0x204)).to.equal('00000021');
  });

  it('an answer has the id, and tells size, role and state', () => {
    const answer = new Uint8Array(0x300);
    answer.set([0, 0, 0, 0x2a], 0x200);
    expect(readId(answer)).to.equal(0x2a);
    expect(readKey('kek', 1, answer)).to.deep.equal({id: 1, state: 'READY', bytes: 16});
    expect(readKey('credential', 1, answer)).to.deep.equal({id: 1, state: 'READY', role: 'officer'});
    answer.set([1, 0, 1, 1], 0x108);
    expect(readKey('kek', 1, answer)).to.deep.equal({id: 1, state: 'ERROR', bytes: 32});
    expect(readKey('credential', 1, answer)).to.deep.equal({id: 1, state: 'ERROR', role: 'user'});
  });
});
