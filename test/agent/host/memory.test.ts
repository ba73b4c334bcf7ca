import {expect} from 'chai';
import {releaseMemory} from '../../../src/agent/host/memory.js';

describe('releaseMemory', () => {
  it('gives back what is no longer in use', async () => {
    let garbage: unknown[] | undefined = Array.from({length: 1_000_000}, (_, i) => ({i}));
    const before = process.memoryUsage().heapTotal;
    expect(garbage).to.have.length(1_000_000);
    garbage = undefined;
    await releaseMemory();
    expect(before - process.memoryUsage().heapTotal).to.be.greaterThan(16 * 2 ** 20);
  });
});
