import {expect} from 'chai';
import {DekTable} from '../../../src/rdma/dek/dek-table.js';

const pointer = (n: number) => BigInt(n) as never;

describe('DekTable', () => {
  it('grows, and keeps each pointer in its slot', () => {
    const table = new DekTable();
    const slots = Array.from({length: 1000}, (_, i) => table.add(pointer(0x7fff_0000 + i)));
    expect(new Set(slots).size).to.equal(1000);
    slots.forEach((slot, i) => {
      expect(table.pointer(slot)).to.equal(pointer(0x7fff_0000 + i));
    });
    expect(table.slots()).to.have.length(1000);
  });

  it('uses a slot again after remove, and never after forget', () => {
    const table = new DekTable();
    const [first, second] = [table.add(pointer(1)), table.add(pointer(2))];
    table.forget(first);
    expect(table.pointer(first)).to.equal(null);
    expect(table.add(pointer(3))).to.not.equal(first);
    table.remove(second);
    expect(table.pointer(second)).to.equal(null);
    expect(table.add(pointer(4))).to.equal(second);
    expect(table.pointer(first)).to.equal(null);
    expect(table.slots()).to.not.include(first);
  });

  it('allows many queries at once, a destroy alone', () => {
    const table = new DekTable();
    const slot = table.add(pointer(1));
    expect([table.startQuery(slot), table.startQuery(slot), table.startDestroy(slot)]).to.deep.equal([
      true,
      true,
      false,
    ]);
    table.endQuery(slot);
    expect(table.startDestroy(slot)).to.equal(false);
    table.endQuery(slot);
    expect([table.startDestroy(slot), table.startQuery(slot), table.startDestroy(slot)]).to.deep.equal([
      true,
      false,
      false,
    ]);
    table.endDestroy(slot);
    expect(table.startQuery(slot)).to.equal(true);
  });

  it('counts no more queries than it can tell from a destroy', () => {
    const table = new DekTable();
    const slot = table.add(pointer(1));
    for (let i = 0; i < 254; i++) expect(table.startQuery(slot)).to.equal(true);
    expect(table.startQuery(slot)).to.equal(false);
    for (let i = 0; i < 254; i++) table.endQuery(slot);
    expect(table.startDestroy(slot)).to.equal(true);
  });
});
