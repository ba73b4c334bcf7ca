import {expect} from 'chai';
import {KnownObjects} from '../../../src/agent/service/known-objects.js';
import {othersRecord} from '../../../src/agent/wire/records.js';
import {readTable, type TableEntry} from '../../../src/agent/wire/table.js';
import {refusal} from '../../support/keys/arbitrary.js';

describe('what a program knows of a shared context', () => {
  const entry = (name: string, id: number): TableEntry => ({
    name,
    id,
    handle: id + 100,
    keySize: 256,
    flags: 0,
    keytagValue: null,
    label: '',
    identity: null,
  });
  const table = (...entries: TableEntry[]) => ({nic: 'mlx5_0', pdHandle: 1, serial: 1, entries, others: []});
  const others = (...ids: number[]): Buffer =>
    Buffer.from(othersRecord(ids.map((id) => ({kind: 'NEW_DEK', handle: id + 100, id})))).subarray(8);

  it('is what the last table and the changes since then have told', () => {
    const known = new KnownObjects();
    known.take(table(entry('a', 1), entry('b', 2)));
    expect(known.take(table(entry('b', 3), entry('c', 4)))).to.deep.equal({names: ['b', 'c', 'a'], old: [1, 2]});
    expect(known.change([{index: 0, oldId: 3, entry: entry('', 5)}])).to.deep.equal({names: ['b'], old: [3]});
    expect([...known.deks.values()].map(({name, objectId}) => [name, objectId])).to.deep.equal([
      ['b', 5],
      ['c', 4],
    ]);
    expect(known.old).to.deep.equal([1, 2, 3]);
    expect(known.forget([2, 7])).to.deep.equal([2]);
  });

  it('goes to the next agent whole: what is old, and what no table has told of', () => {
    const known = new KnownObjects();
    known.inherit(readTable(Buffer.from(new KnownObjects().table(1))));
    expect(known.isTold).to.equal(false);
    known.takeMade(others(7));
    expect(known.isTold).to.equal(true);
    const {others: presented} = readTable(Buffer.from(known.table(1)));
    expect(presented).to.deep.equal([{kind: 'NEW_DEK', handle: 107, id: 7}]);
    known.take(table(entry('a', 7)));
    expect([known.isTold, known.isAny]).to.deep.equal([false, true]);
    expect(readTable(Buffer.from(known.table(1))).others).to.deep.equal([]);
  });

  it('is no change of what is not there', () => {
    const known = new KnownObjects();
    expect(refusal(() => known.change([{index: 0, oldId: 0, entry: entry('', 1)}]))).to.equal('IO');
  });
});
