/** Odd values for what the library promises to refuse by a DekError. */
import {expect} from 'chai';
import {
  connectAgent,
  nextEdition,
  openManifest,
  readManifest,
  unwrapKeys,
  wrapDek,
  writeManifest,
} from '../src/index.js';
import {openVirtual} from '../src/virtual/index.js';
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
        () => nextEdition(value as never),
        () => openVirtual(value as never),
        () => connectAgent(value as never),
      ]) {
        expect((await thrownBy(call)).code, String(call)).to.be.oneOf(['BAD_ARGUMENT', 'BAD_INPUT']);
      }
    });

    it(`is refused before the agent is asked: ${what}`, async () => {
      const client = await connectAgent('/nonexistent');
      const odd = value as never;
      const oddNumber = (typeof value === 'number' ? -1 : value) as never;
      for (const call of [
        () => client.login(odd),
        () => client.createDek(odd),
        () => client.createDek({name: 'vol-1', opaque: new Uint8Array(8), plaintext: odd}),
        () => client.queryDek(odd),
        () => client.destroyDeks(odd),
        () => client.destroyDeks({names: [odd]}),
        () => client.proveDeks(odd),
        () => client.apply(odd),
        () => client.lend(odd),
        () => client.lend({fd: oddNumber, pdHandle: 0}),
        () => client.lend({fd: 0, pdHandle: 0, names: [odd]}),
        () => client.lend({fd: 0, pdHandle: 0, before: odd}),
        () => client.attach({device: odd}),
        () => client.attach({names: [odd]}),
        () => client.attach({timeoutMs: oddNumber}),
      ]) {
        // An object without what is asked for may be one that asks for nothing.
        const allowed = String(call).includes('apply') ? ['BAD_ARGUMENT', 'NO_AGENT'] : ['BAD_ARGUMENT'];
        expect((await thrownBy(call)).code, String(call)).to.be.oneOf(allowed);
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
