import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {rewrapKeys, unwrapKeys, wrapKeys} from '../../src/wrap/bulk.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {BytesKek, type KekHandle, rewrapHere} from '../../src/wrap/kek-handle.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** As a KEK that is elsewhere: it wraps the same, and does not give itself. */
function elsewhere(kek: KekHandle): KekHandle {
  return {
    ...{name: kek.name, kekBytes: undefined, kcv: undefined, secret: undefined},
    wrap: (...args) => kek.wrap(...args),
    unwrap: (...args) => kek.unwrap(...args),
    rewrap(to, ...args) {
      return rewrapHere(this, to, ...args);
    },
    close: () => kek.close(),
  };
}

describe('KEK handle', () => {
  const [from, to] = [random(32), random(16)];
  const keys = random(5 * 40);
  const handles = (): [KekHandle, KekHandle] => [new BytesKek(from.slice(), 'from'), new BytesKek(to.slice(), 'to')];

  it('of bytes tells their number and their key check value', () => {
    const [kek] = handles();
    expect(kek).to.include({name: 'from', kekBytes: 32});
    expect(kek.kcv).to.deep.equal(keyCheckValue(from));
    expect(kek.secret).to.deep.equal(from);
  });

  it('of bytes wraps, unwraps and re-wraps as the engine does', async () => {
    const [a, b] = handles();
    const wrapped = wrapKeys(from, keys, 40);
    expect(await a.wrap(keys, 40)).to.deep.equal(wrapped);
    expect(await a.unwrap(wrapped, 40)).to.deep.equal(unwrapKeys(from, wrapped, 40));
    expect(await a.unwrap(wrapped.slice(0, 48), 40)).to.deep.equal(keys.slice(0, 40));
    expect(await a.rewrap(b, wrapped, 40)).to.deep.equal(rewrapKeys(from, to, wrapped, 40));
  });

  it('re-wraps to one that is elsewhere, and from one, and withholds what failed', async () => {
    const [a, b] = handles();
    const wrapped = wrapKeys(from, keys, 40);
    wrapped[50]! ^= 1; // of key 1
    const expected = rewrapKeys(from, to, wrapped, 40, []);
    for (const [one, other] of [
      [a, elsewhere(b)],
      [elsewhere(a), b],
    ] as const) {
      const failed: number[] = [];
      expect(await one.rewrap(other, wrapped, 40, failed)).to.deep.equal(expected);
      expect(failed).to.deep.equal([1]);
      expect(await one.rewrap(other, wrapped, 40).catch((error) => error.code)).to.equal('UNWRAP_FAILED');
    }
  });

  it('is wiped by its close, and of no use then', async () => {
    const [kek] = handles();
    const secret = kek.secret!;
    await kek.close();
    expect(secret.every((byte) => byte === 0)).to.equal(true);
    expect(await kek.wrap(keys, 40).catch((error) => error.code)).to.equal('CLOSED');
    await kek.close();
  });
});
