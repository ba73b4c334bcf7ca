/** Proofs on the virtual ConnectX: each wrong key, each wrong tweak, and each reason why nothing is shown. */
import {expect} from 'chai';
import type {Finding} from '../../../src/agent/proof.js';
import type {Settings} from '../../../src/virtual/index.js';
import {Child} from '../../support/child.js';
import {type Nic, newNic} from '../../support/nic/nic.js';
import {has, needing, RELEASE} from '../../support/nic/release.js';

const OLD_LIBRARY = new URL('../../support/nic/old-library.js', import.meta.url).href;

type Key = ReturnType<Nic['randomKey']>;

/** The same key, its halves put together otherwise. */
const ARRANGEMENTS: Record<string, (plaintext: Buffer, keyBytes: number) => Buffer> = {
  'halves-swapped': (p, n) => Buffer.concat([p.subarray(n, 2 * n), p.subarray(0, n), p.subarray(2 * n)]),
  'halves-reversed': (p, n) =>
    Buffer.concat([p.subarray(0, n).reverse(), p.subarray(n, 2 * n).reverse(), p.subarray(2 * n)]),
  'halves-swapped-and-reversed': (p, n) => Buffer.concat([p.subarray(0, 2 * n).reverse(), p.subarray(2 * n)]),
  'wrong-key': (p, n) => Buffer.concat([Buffer.alloc(n, 1), p.subarray(n)]),
};

/** A NIC that encrypts as IEEE 1619 says, also by a libmlx5 before rdma-core 44. */
const RIGHT: Settings = has('multi-block AES-XTS') ? {} : {engines: ['single-block']};

describe('Proving', () => {
  let nic: Nic;
  let child: Child;

  async function start(settings: Settings = {}, execArgv: string[] = []): Promise<void> {
    nic = await newNic({...RIGHT, ...settings});
    child = new Child(nic.env, execArgv);
    await child.run(async ({kept, bytes, openDevice}, {credential, ...ids}) => {
      kept.device = await openDevice();
      kept.device.login({credential: bytes(credential), ...ids});
    }, nic.secrets);
  }
  afterEach(async () => {
    await child.run(({kept}) => kept.device![Symbol.dispose]());
    expect(nic.liveDataPath()).to.deep.equal({cqs: 0, qps: 0, mrs: 0, mkeys: 0});
    await child.stop();
    nic.remove();
  });

  async function make(keys: readonly Key[], keySize: 128 | 256): Promise<void> {
    await child.run(
      ({kept, bytes}, {keys, keySize}) => {
        kept.deks = keys.map(({wrapped, keytag}, i) =>
          kept.device!.createDek({
            wrapped: bytes(wrapped),
            keySize,
            keytag: keytag !== undefined,
            opaque: bytes(`0${i}`),
          }),
        );
      },
      {keys, keySize},
    );
  }

  /** What is found of the DEKs that were made, by what is known of these keys. */
  function prove(keys: readonly Partial<Key>[]): Promise<Finding[]> {
    return child.run(async ({kept, bytes, import: load}, keys) => {
      const {Proving} = (await load(
        '../../src/agent/nic/proving.js',
      )) as typeof import('../../../src/agent/nic/proving.js');
      const proving = await Proving.open(kept.device!);
      const some = (hex: string | undefined) => (hex === undefined ? null : bytes(hex));
      try {
        return await proving.prove(
          keys.map(({dcv, hints, keytag}, i) => ({
            dek: kept.deks![i]!,
            dcv: some(dcv),
            dcvHints: some(hints),
            keytagValue: some(keytag),
          })),
        );
      } finally {
        await proving.close();
      }
    }, keys);
  }

  function verdicts(findings: readonly Finding[]): string[] {
    return findings.map(({verdict, reason}) => (reason === undefined ? verdict : `${verdict}: ${reason}`));
  }

  for (const engines of [['single-block', 'multi-block'], ['single-block']] as const) {
    for (const keySize of [128, 256] as const) {
      const {it: test} = engines.length > 1 ? needing('multi-block AES-XTS') : {it};
      test(`tells wrong ${keySize}-bit keys from the right one: ${engines}`, async () => {
        await start({engines: [...engines]});
        const expected = ['ok', ...Object.keys(ARRANGEMENTS), 'ok'];
        const keys = expected.map((verdict, i) => {
          const arrange = ARRANGEMENTS[verdict];
          return nic.randomKey({keySize, keytag: i % 2 === 0}, arrange && ((p) => arrange(p, keySize / 8)));
        });
        await make(keys, keySize);
        expect(verdicts(await prove(keys))).to.deep.equal(expected);
        const without = keys.map(({dcv, keytag}) => ({dcv, ...(keytag === undefined ? {} : {keytag})}));
        expect(new Set(verdicts(await prove(without)))).to.deep.equal(new Set(['ok', 'wrong-key']));
      });
    }
  }

  for (const [tweak, onMulti, onSingle] of [
    ['reversed', 'tweak-reversed', 'tweak-reversed'],
    ['inc64', 'tweak-increment', 'ok'],
  ] as const) {
    needing('multi-block AES-XTS').it(`finds a NIC whose tweak is ${tweak}, and a wrong key on it`, async () => {
      await start({tweak});
      const keys = [
        nic.randomKey({keySize: 256, keytag: true}),
        nic.randomKey({keySize: 256, keytag: true}, (p) => ARRANGEMENTS['wrong-key']!(p, 32)),
      ];
      keys.push(nic.randomKey({keySize: 256, keytag: true}, (p) => ARRANGEMENTS['halves-swapped']!(p, 32)));
      await make(keys, 256);
      const swapped = tweak === 'reversed' ? 'halves-swapped' : 'wrong-key';
      expect(verdicts(await prove(keys))).to.deep.equal([onMulti, 'wrong-key', swapped]);
    });
    it(`finds it so far as a single-block engine shows it: ${tweak}`, async () => {
      await start({tweak, engines: ['single-block']});
      const keys = [nic.randomKey({keySize: 256, keytag: true})];
      await make(keys, 256);
      expect(verdicts(await prove(keys))).to.deep.equal([onSingle]);
    });
  }

  it('names a libmlx5 before rdma-core 44 on a NIC with the multi-block engine, and is ok on one without', async () => {
    // Under such a release it is that one; else one that says that it is, on a NIC that does the same.
    const isOld = Number.parseInt(RELEASE, 10) < 44;
    const old = isOld ? RELEASE : '42.0';
    const key = {keySize: 256, keytag: false} as const;
    await start(
      {engines: ['single-block', 'multi-block'], ...(isOld ? {} : {tweak: 'reversed'})},
      isOld ? [] : ['--import', OLD_LIBRARY],
    );
    let keys = [nic.randomKey(key)];
    await make(keys, 256);
    const message = `libmlx5 of rdma-core ${old} hands it over as it is to a NIC with the multi-block engine`;
    expect(await prove(keys)).to.deep.equal([{verdict: 'tweak-reversed', message}]);
    await child.run(({kept}) => kept.device![Symbol.dispose]());
    await child.stop();
    nic.remove();

    await start({engines: ['single-block']}, isOld ? [] : ['--import', OLD_LIBRARY]);
    keys = [nic.randomKey(key)];
    await make(keys, 256);
    expect(await prove(keys)).to.deep.equal([{verdict: 'ok'}]);
  });

  it('says why it shows nothing of a DEK, and of its neighbours what they are', async () => {
    await start();
    const keys = Array.from({length: 7}, () => nic.randomKey({keySize: 256, keytag: true}));
    await make(keys, 256);
    nic.set({dekErrors: [{which: {opaque: Uint8Array.of(3)}}]});
    await child.run(({kept}) => kept.deks![4]!.destroy());
    const known: Partial<Key>[] = structuredClone(keys);
    known[1]!.keytag = '0000000000000000';
    delete known[2]!.dcv;
    delete known[5]!.keytag;
    expect(verdicts(await prove(known))).to.deep.equal([
      'ok',
      'keytag-refused',
      'not-provable: no-dcv',
      'not-provable: dek-error',
      'not-provable: missing',
      'not-provable: no-keytag-value',
      'ok',
    ]);
  });

  const LACKS: readonly [reason: string, settings: Settings][] = [
    ['engine-off', {engines: []}],
    ['device-gone', {gone: true}],
    ['no-umr', {faults: [{status: 2, times: 1}]}],
    ['no-gid', {loopback: false, gid: false}],
    ['port-down', {loopback: false, port: 'down'}],
  ];
  for (const [reason, settings] of LACKS) {
    it(`says of all that it shows nothing: ${reason}`, async () => {
      await start();
      const keys = [nic.randomKey({keySize: 128, keytag: true}), nic.randomKey({keySize: 128, keytag: false})];
      await make(keys, 128);
      nic.set(settings);
      try {
        expect(verdicts(await prove(keys))).to.deep.equal(keys.map(() => `not-provable: ${reason}`));
      } finally {
        await child.run(({kept}) => kept.device!.close());
        nic.set({gone: false, faults: []});
      }
    });
  }

  for (const settings of [{port: 'down', gid: false}, {loopback: false}] as const) {
    it(`goes the way that there is: ${JSON.stringify(settings)}`, async () => {
      await start(settings);
      const keys = [nic.randomKey({keySize: 256, keytag: true}), nic.randomKey({keySize: 256, keytag: true})];
      await make(keys, 256);
      expect(verdicts(await prove(keys))).to.deep.equal(['ok', 'ok']);
    });
  }

  it('finds no more than once that there is no way to itself, of however many DEKs', async () => {
    await start({loopback: false, port: 'down'});
    const keys = Array.from({length: 100}, () => nic.randomKey({keySize: 128, keytag: true}));
    await make(keys, 128);
    const before = nic.workRequests();
    expect(new Set(verdicts(await prove(keys)))).to.deep.equal(new Set(['not-provable: port-down']));
    expect(nic.workRequests() - before).to.be.below(100);
  });

  it('says that the NIC cannot be connected with itself', async () => {
    await start();
    const keys = [nic.randomKey({keySize: 256, keytag: true})];
    await make(keys, 256);
    await child.run(async ({import: load}) => {
      const {dataPath} = (await load(
        '../../src/rdma/data-path/ffi.js',
      )) as typeof import('../../../src/rdma/data-path/ffi.js');
      const refuse = (...args: unknown[]): void => {
        setImmediate(args.at(-1) as (error: unknown, errno: number) => void, null, 22);
      };
      const refused = Object.assign(() => 22, {async: refuse});
      Object.assign(dataPath(), {mlx5dv_devx_qp_modify: refused, ibv_modify_qp: refused});
    });
    const [finding] = await prove(keys);
    expect(finding).to.deep.equal({
      verdict: 'not-provable',
      reason: 'no-loopback',
      message: 'mlx5_0 cannot be connected with itself',
    });
  });
});
