import {getEventListeners, once} from 'node:events';
import {expect} from 'chai';
import {ChildSignal} from '../src/child-signal.js';

describe('child signal', () => {
  it('fires with the whole, before it was made or after, and not the other way round', () => {
    for (const before of [true, false]) {
      const whole = new AbortController();
      if (before) whole.abort();
      const child = new ChildSignal(whole.signal);
      expect(child.signal.aborted).to.equal(before);
      whole.abort();
      expect(child.signal.aborted).to.equal(true);
    }
    const whole = new AbortController();
    new ChildSignal(whole.signal).end();
    expect(whole.signal.aborted).to.equal(false);
  });

  it('fires after its time', async () => {
    const {signal} = new ChildSignal(new AbortController().signal, 10);
    expect(signal.aborted).to.equal(false);
    await once(signal, 'abort');
  });

  it('leaves no listener when it has ended', () => {
    const {signal} = new AbortController();
    const child = new ChildSignal(signal);
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    child.end();
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });
});
