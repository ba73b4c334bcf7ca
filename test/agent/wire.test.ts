/** Records and tables of dek-attach(7): what is written is read again, and what is none is refused, and no more. */
import {constants} from 'node:os';
import {expect} from 'chai';
import fc from 'fast-check';
import {readAgentRecord, releaseRecord, requestRecord} from '../../src/agent/service/agent-records.js';
import {ProtocolFault} from '../../src/agent/wire/fault.js';
import {
  changeRecord,
  contextRecord,
  goneRecord,
  HEADER_BYTES,
  othersRecord,
  readClientRecord,
  readHeader,
  refusalRecord,
} from '../../src/agent/wire/records.js';
import {ENTRY_BYTES, readTable, type Table, type TableEntry, writeTable} from '../../src/agent/wire/table.js';

const RUNS = process.env['SLOW'] ? 100_000 : 1000;

function parts(record: Uint8Array): {type: number; payload: Buffer} {
  const {type, length} = readHeader(record);
  expect(record.length).to.equal(HEADER_BYTES + length);
  return {type, payload: Buffer.from(record).subarray(HEADER_BYTES)};
}

const entry = (name: string, id = 7): TableEntry => ({
  name,
  id,
  handle: 9,
  keySize: 256,
  flags: 9,
  keytagValue: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
  label: '0102030405060708',
  identity: new Uint8Array(16).fill(5),
});
const TABLE: Table = {
  nic: 'mlx5_0',
  pdHandle: 3,
  serial: 12,
  entries: [entry('a'), entry('b'.repeat(128))],
  others: [{kind: 'LOGIN', handle: 1, id: 2}],
};

/** Changes bytes where they are. */
function change(bytes: () => unknown): undefined {
  bytes();
}

/** Only a fault may come of it. */
function faultOrNothing(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ProtocolFault)) throw error;
  }
}

describe('dek-attach(7)', () => {
  it('a table is what was written', () => {
    const bytes = Buffer.from(writeTable(TABLE));
    expect(bytes.length).to.equal(128 + 2 * ENTRY_BYTES + 16);
    expect(readTable(bytes)).to.deep.equal(TABLE);
  });

  for (const [what, harm] of Object.entries<(bytes: Buffer) => Buffer | undefined>({
    'another magic': (b) => change(() => b.write('X', 0)),
    'another version': (b) => change(() => b.writeUInt16LE(2, 8)),
    'a shorter entry': (b) => change(() => b.writeUInt16LE(160, 12)),
    'more entries than it has': (b) => change(() => b.writeUInt32LE(3, 16)),
    'very many entries': (b) => change(() => b.writeUInt32LE(0xffffffff, 16)),
    'a byte too many': (b) => Buffer.concat([b, Buffer.alloc(1)]),
    'no header': (b) => b.subarray(0, 100),
    'names out of order': (b) => change(() => b.write('c', 128)),
    'an empty name': (b) => change(() => b.fill(0, 128, 129)),
    'a key of 64 bits': (b) => change(() => b.writeUInt16LE(64, 128 + 136)),
  })) {
    it(`a table with ${what} is refused`, () => {
      const bytes = Buffer.from(writeTable(TABLE));
      const harmed = harm(bytes) ?? bytes;
      expect(() => readTable(harmed)).to.throw(ProtocolFault);
    });
  }

  it('records of an agent are what was written', () => {
    const change = parts(changeRecord(12, [{index: 1, oldId: 6, entry: entry('a')}]));
    const {name: _, ...tail} = entry('a');
    expect(readAgentRecord(change.type, change.payload)).to.deep.equal({
      type: 'change',
      changes: [{index: 1, oldId: 6, entry: tail}],
    });
    const context = parts(contextRecord(3, 'mlx5_0'));
    expect(readAgentRecord(context.type, context.payload)).to.deep.equal({
      type: 'context',
      pdHandle: 3,
      nic: 'mlx5_0',
    });
    const gone = parts(goneRecord(true, 5, 'weg'));
    expect(readAgentRecord(gone.type, gone.payload)).to.deep.equal({
      type: 'gone',
      nextFollows: true,
      errno: 5,
      text: 'weg',
    });
    const refusal = parts(refusalRecord(16, 'é'.repeat(2000), {pid: 4, uid: 1}));
    const read = readAgentRecord(refusal.type, refusal.payload);
    expect(read).to.deep.equal({type: 'refusal', errno: 16, pid: 4, uid: 1, text: 'é'.repeat(512)});
    expect(parts(othersRecord(TABLE.others)).payload).to.have.length(8 + 16);
  });

  it('records of a service are what was written', () => {
    const lend = parts(requestRecord('lend', {pdHandle: 3, nic: '', names: ['vol-1', 'a*'], presents: true}));
    expect(readClientRecord(lend.type, 1, lend.payload)).to.deep.equal({
      type: 'lend',
      presentsTable: true,
      pdHandle: 3,
      nic: '',
      patterns: ['vol-1', 'a*'],
    });
    const release = parts(releaseRecord([1, 0xffffff]));
    expect(readClientRecord(release.type, 1, release.payload)).to.deep.equal({type: 'release', ids: [1, 0xffffff]});
    expect(() => readClientRecord(release.type, 2, release.payload)).to.throw(ProtocolFault, 'version 2');
    expect(readClientRecord(0x8777, 9, Buffer.alloc(0))).to.equal(undefined);
  });

  it('what is asked for by no name is EINVAL, which tells a program that its option is wrong', () => {
    const lend = parts(requestRecord('lend', {pdHandle: 3, nic: '', names: ['vol-1\n'], presents: false}));
    expect(() => readClientRecord(lend.type, 1, lend.payload))
      .to.throw(ProtocolFault, 'neither the name of a DEK nor a GLOB')
      .with.property('errno', constants.errno.EINVAL);
  });

  it('what a service sends is a record or a fault', () => {
    const bytes = fc.uint8Array({maxLength: 300});
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 4, 5, 0x8001), fc.constantFrom(0, 1, 2), bytes, (type, version, payload) =>
        faultOrNothing(() => readClientRecord(type, version, payload)),
      ),
      {numRuns: RUNS},
    );
  });

  it('what an agent sends is a record or a fault', () => {
    const types = fc.constantFrom(16, 17, 18, 19, 20, 21, 22, 24, 0x8001, 99);
    fc.assert(
      fc.property(types, fc.uint8Array({maxLength: 300}), (type, payload) =>
        faultOrNothing(() => readAgentRecord(type, Buffer.from(payload))),
      ),
      {numRuns: RUNS},
    );
  });

  it('a table with bytes changed is a table or a fault', () => {
    const whole = Buffer.from(writeTable(TABLE));
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), {minLength: 1, maxLength: 8});
    fc.assert(
      fc.property(changes, fc.nat(whole.length), (all, cut) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of all) bytes[at] = byte;
        faultOrNothing(() => readTable(cut < 40 ? bytes.subarray(0, cut) : bytes));
      }),
      {numRuns: RUNS},
    );
  });
});
