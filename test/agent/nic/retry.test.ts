import {expect} from 'chai';
import {retryBusy} from '../../../src/agent/nic/retry.js';
import {DekError} from '../../../src/errors.js';

const busy = (): DekError => new DekError('BUSY', 'the NIC is busy');

describe('retryBusy', () => {
  it('runs a batch once when nothing is busy', async () => {
    const runs: number[][] = [];
    const results = await retryBusy([1, 2, 3], async (items) => {
      runs.push([...items]);
      return items.map((item) => item * 10);
    });
    expect(results).to.deep.equal([10, 20, 30]);
    expect(runs).to.deep.equal([[1, 2, 3]]);
  });

  it('tries only the busy ones again, and keeps the order', async () => {
    const runs: number[][] = [];
    const results = await retryBusy([1, 2, 3, 4], async (items) => {
      runs.push([...items]);
      return items.map((item) => (item % 2 === 0 && runs.length < 3 ? busy() : item * 10));
    });
    expect(results).to.deep.equal([10, 20, 30, 40]);
    expect(runs).to.deep.equal([
      [1, 2, 3, 4],
      [2, 4],
      [2, 4],
    ]);
  });

  it('gives up after eight times', async () => {
    let runs = 0;
    const [result] = await retryBusy([1], async () => {
      runs++;
      return [busy()];
    });
    expect((result as DekError).code).to.equal('BUSY');
    expect(runs).to.equal(8);
  });

  it('tries what was refused without a reason a few times', async () => {
    const withoutReason = new DekError('REFUSED', 'the firmware refused', {errno: 'EREMOTEIO'});
    let runs = 0;
    const [passing] = await retryBusy(
      [1],
      async (): Promise<(number | DekError)[]> => [++runs < 3 ? withoutReason : 10],
    );
    expect([passing, runs]).to.deep.equal([10, 3]);
    runs = 0;
    const [lasting] = await retryBusy([1], async () => {
      runs++;
      return [withoutReason];
    });
    expect([lasting, runs]).to.deep.equal([withoutReason, 4]);
  });

  it('does not try again what the NIC cannot do at all', async () => {
    let runs = 0;
    await retryBusy([1], async () => {
      runs++;
      return [new DekError('UNSUPPORTED', 'the NIC is not operational', {errno: 'EREMOTEIO'})];
    });
    expect(runs).to.equal(1);
  });

  it('does not try again what was refused for good', async () => {
    const refused = new DekError('REFUSED', 'no');
    let runs = 0;
    const results = await retryBusy([1], async () => {
      runs++;
      return [refused];
    });
    expect(results).to.deep.equal([refused]);
    expect(runs).to.equal(1);
  });

  it('passes on what the batch as a whole throws', async () => {
    const closed = new DekError('CLOSED', 'closed');
    const caught = await retryBusy([1], () => Promise.reject(closed)).catch((error: unknown) => error);
    expect(caught).to.equal(closed);
  });
});
