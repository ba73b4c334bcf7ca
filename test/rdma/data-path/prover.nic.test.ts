/** Known data through the engine of the virtual ConnectX, by the real libibverbs and libmlx5. */
import {expect} from 'chai';
import {Child} from '../../support/child.js';
import {type Nic, newNic} from '../../support/nic/nic.js';
import {needing} from '../../support/nic/release.js';

const NOTHING = {cqs: 0, qps: 0, mrs: 0, mkeys: 0};
/** enum ibv_wc_status */
const OPERATION_ERROR = 2;

for (const engines of [['single-block', 'multi-block'], ['single-block'], ['multi-block']] as const) {
  const isMulti = engines.some((engine) => engine === 'multi-block');
  const suite = isMulti ? needing('multi-block AES-XTS').describe : describe;
  suite(`Prover on a NIC with the engines ${engines.join(' and ')}`, () => {
    const units = isMulti ? 2 : 1;
    let nic: Nic;
    let child: Child;
    before(async () => {
      nic = await newNic({engines: [...engines]});
      child = new Child(nic.env);
    });
    after(async () => {
      await child?.stop();
      nic?.remove();
    });
    beforeEach(async () => {
      await child.run(async ({kept, bytes, openDevice}, {credential, ...ids}) => {
        kept.device = await openDevice();
        kept.device.login({credential: bytes(credential), ...ids});
        kept.prover = await kept.device.openProver();
      }, nic.secrets);
    });
    afterEach(async () => {
      await child.run(({kept}) => kept.device![Symbol.dispose]());
      expect(nic.liveDataPath()).to.deep.equal(NOTHING);
    });

    for (const keySize of [128, 256] as const) {
      for (const keytag of [false, true]) {
        it(`comes to the DCV of 40 DEKs of ${keySize} bits${keytag ? ' with a keytag' : ''}, and back`, async () => {
          const keys = Array.from({length: 40}, () => nic.randomKey({keySize, keytag}));
          await child.run(
            async ({kept, bytes, expect, dcvOfCiphertext, dcvTweak}, {keys, keySize, units}) => {
              const deks = keys.map(({wrapped, keytag}) =>
                kept.device!.createDek({wrapped: bytes(wrapped), keySize, keytag: keytag !== undefined}),
              );
              const passages = keys.flatMap(({keytag}, i) =>
                Array.from({length: 2 / units}, (_, unit) => ({
                  dek: deks[i]!,
                  keytag: keytag === undefined ? undefined : bytes(keytag),
                  tweak: dcvTweak(unit as 0 | 1),
                  units,
                })),
              );
              const outcomes = await kept.prover!.pass(passages);
              const parts = outcomes.map((outcome) => {
                expect(outcome).to.include({isWhole: true});
                return 'ciphertext' in outcome ? outcome.ciphertext : bytes('');
              });
              const each = keys.map((_, i) => Buffer.concat(parts.slice((i * 2) / units, ((i + 1) * 2) / units)));
              const values = each.map((ciphertext) => Buffer.from(dcvOfCiphertext(ciphertext)).toString('hex'));
              expect(values).to.deep.equal(keys.map(({dcv}) => dcv));
            },
            {keys, keySize, units},
          );
        });
      }
    }

    it('is refused by a wrong keytag and by a DEK in ERROR, which costs their neighbours nothing', async () => {
      const keys = Array.from({length: 40}, () => nic.randomKey({keySize: 256, keytag: true}));
      await child.run(({kept, bytes}, keys) => {
        kept.deks = keys.map(({wrapped}, i) =>
          kept.device!.createDek({
            wrapped: bytes(wrapped),
            keySize: 256,
            keytag: true,
            opaque: bytes(i === 21 ? 'bad0' : '00'),
          }),
        );
      }, keys);
      nic.set({dekErrors: [{which: {opaque: Buffer.from('bad0', 'hex')}}]});
      try {
        const statuses = await child.run(async ({kept, bytes, dcvTweak}, keys) => {
          const passages = keys.map(({keytag}, i) => ({
            dek: kept.deks![i]!,
            keytag: bytes(i % 17 === 3 ? '0000000000000000' : keytag!),
            tweak: dcvTweak(0),
            units: 1,
          }));
          return (await kept.prover!.pass(passages)).map((outcome) => ('status' in outcome ? outcome.status : 0));
        }, keys);
        const refused = [3, 20, 21, 37];
        expect(statuses).to.deep.equal(keys.map((_, i) => (refused.includes(i) ? OPERATION_ERROR : 0)));
      } finally {
        nic.set({dekErrors: []});
      }
    });

    it('says of each DEK that is destroyed that it is, and keeps one that is in use', async () => {
      const keys = [nic.randomKey({keySize: 256, keytag: false}), nic.randomKey({keySize: 256, keytag: false})];
      await child.run(async ({kept, bytes, expect, refusal, dcvTweak}, keys) => {
        const deks = keys.map(({wrapped}) =>
          kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: false}),
        );
        deks[0]!.destroy();
        const passages = deks.map((dek) => ({dek, tweak: dcvTweak(0), units: 1}));
        const passing = kept.prover!.pass(passages);
        await refusal('BUSY', () => deks[1]!.destroy());
        await refusal('BUSY', () => kept.prover!.pass(passages));
        await refusal('BUSY', () => kept.prover!.close());
        await refusal('BUSY', () => kept.device!.close());
        const [gone, there] = await passing;
        expect(gone).to.include({code: 'CLOSED'});
        expect(there).to.include({isWhole: true});
        deks[1]!.destroy();
        kept.prover!.close();
        kept.prover!.close();
        await refusal('CLOSED', () => kept.prover!.pass(passages));
      }, keys);
    });

    it('ends with its device', async () => {
      const key = nic.randomKey({keySize: 256, keytag: false});
      await child.run(async ({kept, bytes, expect, dcvTweak}, {wrapped}) => {
        const dek = kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: false});
        const passing = kept.prover!.pass(new Array(2000).fill({dek, tweak: dcvTweak(0), units: 1}));
        await new Promise((resolve) => setTimeout(resolve, 20));
        await kept.device!.closeAsync();
        expect(await passing.then((all) => all.length)).to.equal(2000);
        expect([kept.prover!.closed, kept.prover!.busy]).to.deep.equal([true, false]);
      }, key);
    });

    it('may be closed while its device closes, which waits for that', async () => {
      await child.run(async ({openDevice, expect}) => {
        for (let round = 0; round < 3; round++) {
          const device = await openDevice();
          const prover = await device.openProver();
          const ends = await Promise.allSettled([device.closeAsync(), prover.closeAsync()]);
          expect(ends.map(({status}) => status)).to.deep.equal(['fulfilled', 'fulfilled']);
        }
      });
    });

    it('says DEVICE_GONE when the NIC is, and ends', async () => {
      const key = nic.randomKey({keySize: 256, keytag: false});
      await child.run(({kept, bytes}, {wrapped}) => {
        kept.dek = kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: false});
      }, key);
      nic.set({gone: true});
      try {
        await child.run(async ({kept, expect, dcvTweak}) => {
          const [outcome] = await kept.prover!.pass([{dek: kept.dek!, tweak: dcvTweak(0), units: 1}]);
          expect(outcome).to.include({code: 'DEVICE_GONE'});
        });
      } finally {
        await child.run(({kept}) => kept.device!.close());
        nic.set({gone: false});
      }
    });

    it('answers any garbage with a typed error', async () => {
      const key = nic.randomKey({keySize: 256, keytag: true});
      await child.run(
        async ({kept, bytes, import: load, dcvTweak}, {wrapped, numRuns}) => {
          const fc = (await load('fast-check')) as typeof import('fast-check');
          const dek = kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: true});
          const anything = fc.anything({withBigInt: true, withBoxedValues: true, withTypedArray: true});
          const or = (good: unknown) =>
            fc.oneof({weight: 3, arbitrary: fc.constant(good)}, {weight: 1, arbitrary: anything});
          const passage = fc.record({
            dek: or(dek),
            keytag: or(bytes('0011223344556677')),
            tweak: or(dcvTweak(0)),
            units: or(1),
          });
          await fc.assert(
            fc.asyncProperty(
              fc.oneof(fc.array(or(passage), {maxLength: 3}), fc.array(passage), anything),
              async (list) => {
                try {
                  await kept.prover!.pass(list as never);
                } catch (error) {
                  if ((error as Error).name !== 'DekError') throw error;
                }
              },
            ),
            {numRuns},
          );
        },
        {...key, numRuns: process.env['SLOW'] ? 5000 : 200},
      );
    });
  });
}

describe('Prover', () => {
  let nic: Nic;
  let child: Child;
  beforeEach(async () => {
    nic = await newNic();
    child = new Child(nic.env);
    await child.run(async ({kept, bytes, openDevice}, {credential, ...ids}) => {
      kept.device = await openDevice();
      kept.device.login({credential: bytes(credential), ...ids});
    }, nic.secrets);
  });
  afterEach(async () => {
    await child.stop();
    nic.remove();
  });

  it('leaves nothing, whichever of its calls fails', async () => {
    const failed = await child.run(async ({kept, import: load}) => {
      const {dataPath} = (await load(
        '../../src/rdma/data-path/ffi.js',
      )) as typeof import('../../../src/rdma/data-path/ffi.js');
      type Func = {(...args: unknown[]): unknown; async(...args: unknown[]): void};
      const verbs = dataPath() as unknown as Record<string, Func>;
      const pointers = ['ibv_create_cq', 'ibv_reg_mr', 'mlx5dv_create_qp', 'mlx5dv_create_mkey'];
      const errnos = ['mlx5dv_devx_qp_modify', 'ibv_modify_qp'];
      const errors: string[] = [];
      for (let failing = 0; ; failing++) {
        const real = {...verbs};
        let call = 0;
        for (const name of [...pointers, ...errnos]) {
          const fails = (): boolean => call++ === failing || (call > failing && errnos.includes(name));
          const refused = errnos.includes(name) ? 22 : null;
          verbs[name] = Object.assign((...args: unknown[]) => (fails() ? refused : real[name]!(...args)), {
            async: (...args: unknown[]) => {
              const done = args.at(-1) as (error: unknown, result: unknown) => void;
              if (fails()) setImmediate(done, null, refused);
              else real[name]!.async(...args);
            },
          });
        }
        try {
          (await kept.device!.openProver()).close();
          return errors;
        } catch (error) {
          errors.push((error as {code: string}).code);
        } finally {
          Object.assign(verbs, real);
        }
      }
    });
    // The CQ, the MR, two MKeys, the QP and three changes of its state.
    expect(failed).to.have.length(1 + 1 + 2 + 1 + 3);
    expect(failed.slice(-3)).to.deep.equal(new Array(3).fill('UNSUPPORTED'));
    expect(nic.liveDataPath()).to.deep.equal(NOTHING);
  });

  needing('multi-block AES-XTS').it('goes by its own address where the firmware refuses force loopback', async () => {
    const key = nic.randomKey({keySize: 256, keytag: true});
    await child.run(async ({kept, bytes}, {wrapped}) => {
      kept.dek = kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: true});
      kept.prover = await kept.device!.openProver();
    }, key);
    // The memory keys of three passages are made. The next command is one of the QP that takes the place of one that
    // failed.
    await child.run(async ({kept, bytes, dcvTweak}, keytag) => {
      const passage = {dek: kept.dek!, keytag: bytes(keytag!), tweak: dcvTweak(0), units: 2};
      await kept.prover!.pass([passage, passage, passage]);
    }, key.keytag);
    nic.set({faults: [{status: 3, times: 1}]});
    const outcomes = await child.run(async ({kept, bytes, dcvTweak}, keytag) => {
      const tags = ['0000000000000000', keytag!, keytag!];
      const passages = tags.map((tag) => ({dek: kept.dek!, keytag: bytes(tag), tweak: dcvTweak(0), units: 2}));
      return (await kept.prover!.pass(passages)).map((outcome) => ('isWhole' in outcome ? outcome.isWhole : outcome));
    }, key.keytag);
    expect(outcomes).to.deep.equal([{status: OPERATION_ERROR}, true, true]);
  });

  it('takes work requests back, and gives up the lock of libmlx5, when one cannot be given', async () => {
    const key = nic.randomKey({keySize: 256, keytag: false});
    await child.run(async ({kept, bytes, expect, dcvTweak, import: load}, {wrapped}) => {
      const {dataPath} = (await load(
        '../../src/rdma/data-path/ffi.js',
      )) as typeof import('../../../src/rdma/data-path/ffi.js');
      const verbs = dataPath();
      const real = verbs.workRequestsOf;
      const calls: string[] = [];
      let left = 0; // calls until one throws
      verbs.workRequestsOf = (qp) => {
        const all = real(qp) as unknown as Record<string, (...args: unknown[]) => unknown>;
        const told = Object.entries(all).map(([name, call]) => [
          name,
          (...args: unknown[]) => {
            calls.push(name);
            if (name !== 'wr_start' && name !== 'wr_abort' && --left === 0) throw new Error('no more');
            return call(...args);
          },
        ]);
        return Object.fromEntries(told);
      };
      kept.dek = kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: false});
      kept.prover = await kept.device!.openProver();
      const passage = {dek: kept.dek, tweak: dcvTweak(0), units: 1};
      const atEach: unknown[] = [];
      // Two layouts of five calls each and a write of three, then another write.
      for (left = 1; left <= 13; ) {
        const throwing = left;
        calls.length = 0;
        const [outcome] = await kept.prover.pass([passage]);
        atEach.push((outcome as {code: string}).code);
        expect(calls.filter((name) => name === 'wr_start').length).to.equal(1);
        expect(calls.at(-1)).to.equal('wr_abort');
        left = throwing + 1;
      }
      expect(atEach).to.deep.equal(new Array(13).fill('INTERNAL'));
      left = -1;
      const [outcome] = await kept.prover.pass([passage]);
      expect(outcome).to.include({isWhole: true});
      kept.prover.close();
    }, key);
    expect(nic.liveDataPath()).to.deep.equal(NOTHING);
  });

  it('leaves out a passage for which there is no memory key, and nothing after', async () => {
    const key = nic.randomKey({keySize: 256, keytag: false});
    await child.run(async ({kept, bytes}, {wrapped}) => {
      kept.dek = kept.device!.createDek({wrapped: bytes(wrapped), keySize: 256, keytag: false});
      kept.prover = await kept.device!.openProver();
    }, key);
    nic.set({faults: [{status: 2, times: 1}]});
    await child.run(async ({kept, expect, dcvTweak}) => {
      const passages = new Array(3).fill({dek: kept.dek!, tweak: dcvTweak(0), units: 1});
      const [first, second, third] = await kept.prover!.pass(passages);
      expect(first).to.include({isWhole: true});
      expect(second).to.include({code: 'UNSUPPORTED'});
      expect(third).to.include({isWhole: true});
      kept.prover!.close();
    });
    expect(nic.liveDataPath()).to.deep.equal(NOTHING);
  });

  it('is refused by name where the NIC makes no memory keys', async () => {
    nic.set({faults: [{status: 2, times: 'always'}]});
    await child.run(async ({kept, refusal, expect}) => {
      const error = await refusal('UNSUPPORTED', () => kept.device!.openProver());
      expect(error.message).to.contain('cannot create a memory key on mlx5_0');
    });
    expect(nic.liveDataPath()).to.deep.equal(NOTHING);
  });
});
