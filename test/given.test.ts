/** Odd values for what the library promises to refuse by a DekError. */
import {expect} from 'chai';
import {openManifest, readManifest, unwrapKeys, wrapDek, writeManifest} from '../src/index.js';
import {thrownBy} from './support/process/errors-thrown.js';

const KEK = new Uint8Array(32).map((_, i) => i);
const HEADER = {devices: [], importKekKcv: new Uint8Array(5), login: null};

function revoked(): never {
  const {proxy, revoke} = Proxy.revocable(() => {}, {});
  revoke();
  return proxy as never;
}

async function write(header: unknown, deks: unknown): Promise<void> {
  for await (const _ of writeManifest(header as never, deks as never));
}

describe('an odd value', () => {
  const odd: [what: string, value: unknown][] = [
    ['a revoked proxy', revoked()],
    ['null', null],
    ['a number', 5],
    ['a symbol', Symbol('s')],
    ['an object without a prototype', Object.create(null)],
    ['an object whose getters throw', new Proxy({}, {get: () => expect.fail('of the getter')})],
    ['an iterator that is none', {[Symbol.asyncIterator]: () => ({next: 5})}],
  ];
  for (const [what, value] of odd) {
    it(`is refused: ${what}`, async () => {
      for (const call of [
        () => wrapDek(KEK, value as never),
        () => wrapDek(KEK, {key1: value, key2: value} as never),
        () => unwrapKeys(KEK, new Uint8Array(80), 32, value as never),
        () => openManifest(value as never),
        () => readManifest(value as never),
        () => write(value, []),
        () => write({...HEADER, importKekKcv: value}, []),
        () => write(HEADER, value),
      ]) {
        expect((await thrownBy(call)).code, String(call)).to.be.oneOf(['BAD_ARGUMENT', 'BAD_INPUT']);
      }
    });
  }

  for (const value of [null, 5, Symbol('s'), Object.create(null)]) {
    it(`is refused as an item of a source: ${typeof value}`, async () => {
      for (const call of [() => readManifest([value] as never), () => write(HEADER, [value])]) {
        expect((await thrownBy(call)).code, String(call)).to.be.oneOf(['BAD_ARGUMENT', 'BAD_INPUT']);
      }
    });
  }

  it('is not what a source throws by itself', async () => {
    const source = (async function* () {
      yield Buffer.from('{');
      throw new Error('of the source');
    })();
    const error = await readManifest(source).catch((error: unknown) => error);
    expect(error).to.be.an('error').with.property('message', 'of the source');
  });
});
