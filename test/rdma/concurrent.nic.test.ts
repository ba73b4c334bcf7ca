/** Many calls at once on the virtual ConnectX, through the real libraries; and the process ending while they run. */
import {expect} from 'chai';
import {Child} from '../support/child.js';
import {type Nic, newNic} from '../support/nic/nic.js';
import {errnoOf, needing} from '../support/nic/release.js';

const LAYOUT = {keySize: 256, keytag: true};
const NOTHING_LEFT = {contexts: 0, pds: 0, logins: 0, deks: 0};
/** libuv reads its size once, when the process starts to use the pool. */
const POOL = {UV_THREADPOOL_SIZE: '16'};

for (const loginApi of ['object', 'session'] as const) {
  const suite = loginApi === 'object' ? needing('login objects').describe : describe;
  suite(`many at once on the virtual ConnectX, ${loginApi} API`, () => {
    let nic: Nic;
    let child: Child;
    before(async () => {
      nic = await newNic({logMaxDeks: 9});
      child = new Child({...nic.env, ...POOL});
    });
    after(async () => {
      await child?.stop();
      nic?.remove();
    });
    beforeEach(async () => {
      const args = {...nic.secrets, loginApi};
      await child.run(async ({kept, openDevice, bytes}, {credential, loginApi, ...ids}) => {
        kept.device = await openDevice(undefined, {loginApi});
        kept.login = kept.device.login({credential: bytes(credential), ...ids});
      }, args);
    });
    afterEach(async () => {
      nic.set({latencyUs: 0, faults: [], gone: false});
      await child.run(async ({kept}) => {
        if (!kept.device!.closed) await kept.device!.closeAsync();
      });
      expect(nic.live()).to.deep.equal(NOTHING_LEFT);
    });

    for (const latencyUs of [0, 300]) {
      it(`creates, queries and destroys 500 at ${latencyUs} us`, async () => {
        nic.set({latencyUs});
        await child.run(async ({kept, bytes, expect, isDek}, key) => {
          const device = kept.device!;
          const list = Array.from({length: 500}, (_, i) => ({
            ...({wrapped: bytes(key), keySize: 256, keytag: true} as const),
            opaque: Uint8Array.of(i & 255, i >> 8),
          }));
          const deks = (await device.createDeks(list)).deks.filter(isDek);
          expect(deks).to.have.length(500);
          expect(await device.queryDeks(deks)).to.deep.equal(deks.map(() => 'READY'));
          for (const i of [0, 255, 256, 499]) {
            const {state, opaque} = await deks[i]!.queryAsync();
            expect([state, ...opaque.subarray(0, 2)]).to.deep.equal(['READY', i & 255, i >> 8]);
          }
          expect(new Set(await device.destroyDeks(deks.slice(0, 300)))).to.deep.equal(new Set([undefined]));
          expect(deks.map((dek) => dek.closed)).to.deep.equal(deks.map((_, i) => i < 300));
        }, nic.wrappedKey(LAYOUT));
        expect(nic.live()).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 200});
      });
    }

    it('runs 16 commands in the time of a few, and lets the event loop turn', async () => {
      nic.set({latencyUs: 100_000});
      const {ms, turns} = await child.run(async ({kept, bytes}, key) => {
        const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
        let turns = 0;
        const timer = setInterval(() => turns++, 1);
        const start = performance.now();
        const {deks: made} = await kept.device!.createDeks(new Array(96).fill(options));
        const ms = performance.now() - start;
        clearInterval(timer);
        return {ms, turns: made.length === 96 ? turns : 0};
      }, nic.wrappedKey(LAYOUT));
      // One by one they take 9.6 s, 16 at a time 0.6.
      expect(ms).to.be.within(600, 4800);
      expect(turns).to.be.greaterThan(5);
    });

    it('tells which of many was refused, and why', async () => {
      const [good, wrong] = [nic.wrappedKey(LAYOUT), nic.wrappedKey(LAYOUT, {kek: Buffer.alloc(32, 1)})];
      for (const latencyUs of [0, 300]) {
        nic.set({latencyUs});
        await child.run(
          async ({kept, bytes, expect, isDek}, {good, wrong, errno}) => {
            const options = (key: string) => ({wrapped: bytes(key), keySize: 256, keytag: true}) as const;
            const {deks: made} = await kept.device!.createDeks(
              Array.from({length: 60}, (_, i) => options(i % 7 === 3 ? wrong : good)),
            );
            const codes = made.map((dek) => (isDek(dek) ? 'made' : `${dek.code} ${dek.errno}`));
            expect(codes).to.deep.equal(made.map((_, i) => (i % 7 === 3 ? `REFUSED ${errno}` : 'made')));
            await kept.device!.destroyDeks(made.filter(isDek));
          },
          {good, wrong, errno: errnoOf('EINVAL')},
        );
      }
    });

    needing('the reasons of the firmware').it('fills the NIC to its limit, whoever comes first', async () => {
      nic.set({latencyUs: 100});
      const counts = await child.run(async ({kept, bytes, isDek}, key) => {
        const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
        const {deks: made} = await kept.device!.createDeks(new Array(600).fill(options));
        const codes = made.map((dek) => (isDek(dek) ? 'made' : dek.code));
        return ['made', 'LIMIT'].map((code) => codes.filter((one) => one === code).length);
      }, nic.wrappedKey(LAYOUT));
      expect(counts).to.deep.equal([512, 88]);
    });

    needing('the reasons of the firmware').it('hands EAGAIN on as BUSY, for the caller to try again', async () => {
      nic.set({latencyUs: 300, faults: [{command: 'create', object: 'dek', status: 0xf, times: 5}]});
      await child.run(async ({kept, bytes, expect, isDek}, key) => {
        const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
        const {deks: made} = await kept.device!.createDeks(new Array(50).fill(options));
        const errors = made.flatMap((dek) => (isDek(dek) ? [] : [`${dek.code} ${dek.errno}`]));
        expect(errors).to.deep.equal(new Array(5).fill('BUSY EAGAIN'));
        const {deks: again} = await kept.device!.createDeks(new Array(5).fill(options));
        expect(again.every(isDek)).to.equal(true);
      }, nic.wrappedKey(LAYOUT));
    });

    it('tells a lost login and a lost NIC apart from a bad DEK', async () => {
      await child.run(async ({kept, bytes, isDek}, key) => {
        const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
        kept.deks = (await kept.device!.createDeks(new Array(40).fill(options))).deks.filter(isDek);
      }, nic.wrappedKey(LAYOUT));
      const codes = () =>
        child.run(async ({kept}) => {
          const states = await kept.device!.queryDeks(kept.deks!);
          return [...new Set(states.map((state) => (typeof state === 'string' ? state : state.code)))];
        });
      for (const latencyUs of [0, 300]) {
        nic.set({latencyUs});
        expect(await codes()).to.deep.equal(['READY']);
        nic.revokeKek();
        expect(await codes()).to.deep.equal(['NOT_READY']);
        nic.restoreKek();
        await child.run(({kept, bytes}, {credential, ...ids}) => {
          kept.login!.close();
          kept.login = kept.device!.login({credential: bytes(credential), ...ids});
        }, nic.secrets);
      }
      nic.set({gone: true});
      expect(await codes()).to.deep.equal(['DEVICE_GONE']);
      await child.run(({kept}) => kept.device!.closeAsync());
    });

    it('closes while hundreds of calls are on their way', async () => {
      nic.set({latencyUs: 200});
      const ends = await child.run(async ({kept, bytes, isDek}, key) => {
        const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
        const device = kept.device!;
        const made = (await device.createDeks(new Array(200).fill(options))).deks.filter(isDek);
        const calls = [
          device.createDeks(new Array(400).fill(options)).then(({deks}) => deks),
          // Of others each: a query may be under way for long when its thread gets no core, and a destroy is BUSY then.
          device.queryDeks(made.slice(0, 100)),
          device.destroyDeks(made.slice(100)),
        ];
        await new Promise((resolve) => setTimeout(resolve, 3));
        await device.closeAsync();
        const ended = (await Promise.all(calls as Promise<unknown[]>[])).flat();
        return [...new Set(ended.map((one) => (one instanceof Error ? (one as {code?: string}).code : 'done')))];
      }, nic.wrappedKey(LAYOUT));
      expect(ends).to.include('CLOSED');
      expect([...new Set(['CLOSED', 'done', ...ends])]).to.deep.equal(['CLOSED', 'done']);
    });

    it('answers any garbage with a typed error', async () => {
      await child.run(
        async ({kept, bytes, import: load, isDek}, {key, numRuns}) => {
          const fc = (await load('fast-check')) as typeof import('fast-check');
          const device = kept.device!;
          const anything = fc.anything({withBigInt: true, withTypedArray: true, withNullPrototype: true});
          const or = <T>(good: T) =>
            fc.oneof({weight: 5, arbitrary: fc.constant(good)}, {weight: 1, arbitrary: anything});
          const options = fc.record({
            wrapped: or(bytes(key)),
            keySize: or(256),
            keytag: or(true),
            opaque: or(undefined),
          });
          const typed = (error: unknown): never[] => {
            if ((error as Error).name !== 'DekError') throw error;
            return [];
          };
          await fc.assert(
            fc.asyncProperty(
              fc.oneof(fc.array(options, {maxLength: 5}), anything),
              fc.array(or('dek'), {maxLength: 5}),
              async (list, garbage) => {
                const column = Array.isArray(list) ? {...list[0], opaque: new Uint8Array(8)} : list;
                const made = [
                  ...(await device.createDeks(list as never).then(({deks}) => deks, typed)),
                  ...(await device.createDeks(column as never).then(({deks}) => deks, typed)),
                ];
                const deks = made.filter(isDek);
                const mixed = garbage.map((one, i) => (one === 'dek' ? (deks[i] ?? one) : one)) as never;
                await device.queryDeks(mixed).catch(typed);
                await device.destroyDeks(mixed).catch(typed);
                await device.destroyDeks(deks);
              },
            ),
            {numRuns},
          );
        },
        {key: nic.wrappedKey(LAYOUT), numRuns: process.env['SLOW'] ? 10_000 : 300},
      );
    });
  });
}

describe('plaintext DEKs, many at once', () => {
  needing('plaintext DEKs').it('are created on the main thread, and wiped there', async () => {
    const nic = await newNic({logMaxDeks: 9, importMode: 'plaintext', latencyUs: 200, policy: 'fips'});
    const child = new Child({...nic.env, ...POOL});
    try {
      await child.run(async ({openDevice, expect, isDek}) => {
        const device = await openDevice();
        const keys = Array.from({length: 100}, (_, i) => new Uint8Array(64).fill(i + 1).fill(200, 32));
        const made = device.createDeks(keys.map((plaintext) => ({plaintext, keySize: 256, keytag: false})));
        for (const key of keys) key.fill(0); // key1 == key2: refused, if it were looked at again
        const deks = (await made).deks.filter(isDek);
        expect(deks).to.have.length(100);
        expect(new Set(await device.queryDeks(deks))).to.deep.equal(new Set(['READY']));
        await device.closeAsync();
      });
      expect(nic.live()).to.deep.equal(NOTHING_LEFT);
    } finally {
      await child.stop();
      nic.remove();
    }
  });
});

describe('the process ends while calls are under way', () => {
  let nic: Nic;
  before(async () => {
    nic = await newNic({logMaxDeks: 14});
  });
  after(() => nic?.remove());

  const endings: [string, () => unknown, string][] = [
    ['by process.exit', () => process.exit(7), 'exit 7'],
    ['by SIGTERM', () => process.kill(process.pid, 'SIGTERM'), 'SIGTERM'],
  ];
  for (const latencyUs of [0, 1000]) {
    for (const [how, ending, expected] of endings) {
      it(`${how}, at ${latencyUs} us: no crash, nothing left on the NIC`, async () => {
        nic.set({latencyUs});
        for (let round = 0; round < 3; round++) {
          const child = new Child({...nic.env, ...POOL});
          const args = {...nic.secrets, key: nic.wrappedKey(LAYOUT), ending: ending.toString(), ms: round * 4};
          const died = await child
            .run(async ({openDevice, bytes}, {key, ending, ms, credential, ...ids}) => {
              const device = await openDevice();
              device.login({credential: bytes(credential), ...ids});
              const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
              device.createDeks(new Array(2000).fill(options));
              await new Promise((resolve) => setTimeout(resolve, ms));
              new Function(`(${ending})()`)();
              await new Promise(() => {});
            }, args)
            .catch((error: Error) => error.message.split('\n')[0]);
          expect(died).to.equal(`the child process died: ${expected}`);
          expect(nic.live()).to.deep.equal(NOTHING_LEFT);
        }
      });
    }

    it(`a worker thread is terminated, at ${latencyUs} us: the main thread goes on`, async () => {
      nic.set({latencyUs});
      const child = new Child({...nic.env, ...POOL});
      try {
        for (let round = 0; round < 3; round++) {
          await child.run(
            async ({import: load, openDevice, bytes, expect, isDek}, {url, key, ms, credential, ...ids}) => {
              const {Worker} = (await load('node:worker_threads')) as typeof import('node:worker_threads');
              const source = `
                import(${JSON.stringify(url)}).then(async ({openDevice}) => {
                  const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
                  const device = await openDevice();
                  device.login({credential: bytes('${credential}'), ...${JSON.stringify(ids)}});
                  const options = {wrapped: bytes('${key}'), keySize: 256, keytag: true};
                  device.createDeks(new Array(2000).fill(options));
                  require('node:worker_threads').parentPort.postMessage('under way');
                })`;
              const worker = new Worker(source, {eval: true});
              await new Promise((resolve) => worker.once('message', resolve));
              await new Promise((resolve) => setTimeout(resolve, ms));
              await worker.terminate();
              const device = await openDevice();
              device.login({credential: bytes(credential), ...ids});
              const {deks} = await device.createDeks([{wrapped: bytes(key), keySize: 256, keytag: true}]);
              expect(deks.every(isDek)).to.equal(true);
              await device.closeAsync();
            },
            {
              ...nic.secrets,
              key: nic.wrappedKey(LAYOUT),
              url: new URL('../../src/rdma/index.js', import.meta.url).href,
              ms: round * 4,
            },
          );
        }
      } finally {
        await child.stop();
      }
      expect(nic.live()).to.deep.equal(NOTHING_LEFT);
    });
  }
});
