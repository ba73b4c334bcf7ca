/** The bindings on the virtual ConnectX: the real libibverbs and libmlx5, and a NIC under them that counts. */
import {expect} from 'chai';
import {Child} from '../../support/child.js';
import {type Nic, type NicSecrets, newNic} from '../../support/nic/nic.js';
import {ENGINES, errnoOf, has, needing} from '../../support/nic/release.js';

type Layout = {keySize: 128 | 256; keytag: boolean; wrappedBytes: number};
const LAYOUTS: Layout[] = [
  {keySize: 128, keytag: false, wrappedBytes: 40},
  {keySize: 128, keytag: true, wrappedBytes: 48},
  {keySize: 256, keytag: false, wrappedBytes: 72},
  {keySize: 256, keytag: true, wrappedBytes: 80},
];

/** The code of all that the firmware refuses, where libmlx5 does not hand its reasons on. */
const UNTOLD = has('the reasons of the firmware') ? undefined : 'REFUSED';
/** Its syndromes are those of src/virtual/syndromes.ts. */
const refusedKey = (syndrome: string): string =>
  `the NIC refused the wrapped key (${errnoOf('EINVAL')}; firmware status BAD_PARAM (0x3), syndrome ${syndrome})`;

const NOTHING_LEFT = {contexts: 0, pds: 0, logins: 0, deks: 0};

for (const loginApi of ['object', 'session'] as const) {
  const suite = loginApi === 'object' ? needing('login objects').describe : describe;
  suite(`on the virtual ConnectX, ${loginApi} API`, () => {
    let nic: Nic;
    let child: Child;
    before(async () => {
      nic = await newNic({logMaxDeks: 4});
      child = new Child(nic.env);
    });
    after(async () => {
      await child?.stop();
      nic?.remove();
    });
    beforeEach(async () => {
      await child.run(async ({kept, openDevice}, api) => {
        kept.device = await openDevice(undefined, {loginApi: api});
      }, loginApi);
    });
    afterEach(async () => {
      await child.run(({kept}) => kept.device![Symbol.dispose]());
      expect(nic.live()).to.deep.equal(NOTHING_LEFT);
    });

    it('opens, reads the caps and says which API is in use', async () => {
      const {caps, info, api} = await child.run(({kept}) => {
        const {caps, info, loginApi} = kept.device!;
        return {caps, info, api: loginApi};
      });
      expect(caps).to.deep.equal({
        importMode: 'wrapped',
        operational: true,
        goingToCommissioning: false,
        failedSelftests: 0,
        engines: ENGINES,
        logMaxDeks: 4,
        maxDeks: 16,
      });
      expect(info.name).to.equal('mlx5_0');
      expect(info.node).to.equal('/dev/infiniband/uverbs0');
      expect(info.mlx5).to.equal(true);
      expect(api).to.equal(loginApi);
    });

    for (const layout of LAYOUTS) {
      it(`creates, queries and destroys a DEK of ${layout.wrappedBytes} wrapped bytes`, async () => {
        const args = {...nic.secrets, ...layout, wrapped: nic.wrappedKey(layout)};
        const [state, opaque] = await child.run(({kept, bytes}, {wrapped, keySize, keytag, ...secrets}) => {
          const device = kept.device!;
          const login = device.login({...secrets, credential: bytes(secrets.credential)});
          const dek = device.createDek({wrapped: bytes(wrapped), keySize, keytag, opaque: bytes('766f6c2d31')});
          const {state, opaque} = dek.query();
          dek.destroy();
          login.close();
          return [state, Buffer.from(opaque).toString()];
        }, args);
        expect([state, opaque]).to.deep.equal(['READY', 'vol-1\0\0\0']);
        expect(nic.live()).to.deep.equal({...NOTHING_LEFT, contexts: 1, pds: 1});
      });
    }

    it('says VALID, INVALID after a revoke, and logs in again', async () => {
      const key = nic.wrappedKey(LAYOUTS[3]!);
      await child.run(
        ({kept, bytes, expect}, {key, credential, ...ids}) => {
          kept.login = kept.device!.login({credential: bytes(credential), ...ids});
          kept.dek = kept.device!.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
          expect(kept.login.query()).to.equal('VALID');
        },
        {...nic.secrets, key},
      );
      nic.revokeKek();
      await child.run(
        async ({kept, bytes, expect, refusal}, {key}) => {
          expect(kept.login!.query()).to.equal('INVALID');
          const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
          for (const call of [() => kept.device!.createDek(options), () => kept.dek!.query()]) {
            const error = await refusal('NOT_READY', call);
            expect(error.message).to.contain('the login is INVALID');
            expect(error.hint).to.contain('log out');
          }
          kept.dek!.destroy();
          kept.login!.close();
        },
        {key},
      );
      nic.restoreKek();
      await child.run(({kept, bytes, expect}, {credential, ...ids}) => {
        expect(kept.device!.login({credential: bytes(credential), ...ids}).query()).to.equal('VALID');
      }, nic.secrets);
    });

    it('queries a DEK only under a login, and destroys it without', async () => {
      await child.run(
        async ({kept, bytes, expect, refusal}, {key, errno, credential, ...ids}) => {
          const device = kept.device!;
          const login = device.login({credential: bytes(credential), ...ids});
          const dek = device.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
          login.close();
          const error = await refusal('NO_LOGIN', () => dek.query());
          expect(error.errno).to.equal(errno);
          device.login({credential: bytes(credential), ...ids}).close();
          dek.destroy();
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!), errno: errnoOf('EINVAL')},
      );
    });

    const refusedLogins: [string, (secrets: NicSecrets) => NicSecrets][] = [
      ['an altered credential', (secrets) => ({...secrets, credential: flipBit(secrets.credential)})],
      ['an unknown credential id', (secrets) => ({...secrets, credentialId: 0xfffffe})],
      ['an unknown import KEK id', (secrets) => ({...secrets, importKekId: 0xfffffe})],
    ];
    for (const [title, alter] of refusedLogins) {
      it(`is refused a login with ${title}, and may try again`, async () => {
        await child.run(
          async ({kept, bytes, expect, refusal}, {wrong, right, errno}) => {
            const device = kept.device!;
            const error = await refusal('REFUSED', () => device.login({...wrong, credential: bytes(wrong.credential)}));
            expect(error.errno).to.equal(errno);
            device.login({...right, credential: bytes(right.credential)});
          },
          {wrong: alter(nic.secrets), right: nic.secrets, errno: errnoOf('EINVAL')},
        );
      });
    }

    it('is refused a key with one bit flipped, one under another KEK, and, by policy, key1 == key2', async () => {
      nic.set({policy: 'fips'});
      const layout = LAYOUTS[3]!;
      const keys = [
        {key: flipBit(nic.wrappedKey(layout)), why: refusedKey('0x000d000b')},
        {key: nic.wrappedKey(layout, {kek: Buffer.alloc(32, 1)}), why: refusedKey('0x000d000b')},
        {key: nic.wrappedKey(layout, {equal: true}), why: refusedKey('0x000d000d')},
      ];
      await child.run(
        async ({kept, bytes, expect, refusal}, {keys, credential, ...ids}) => {
          const device = kept.device!;
          device.login({credential: bytes(credential), ...ids});
          for (const {key, why} of keys) {
            const error = await refusal('REFUSED', () =>
              device.createDek({wrapped: bytes(key), keySize: 256, keytag: true}),
            );
            expect(error.message).to.equal(`cannot create a DEK on mlx5_0: ${why}`);
          }
        },
        {keys, ...nic.secrets},
      );
      nic.set({policy: 'default'});
    });

    needing('the reasons of the firmware').it(
      'names the limit when the NIC is full, and has room again after a destroy',
      async () => {
        await child.run(
          async ({kept, bytes, expect, refusal}, {key, credential, ...ids}) => {
            const device = kept.device!;
            device.login({credential: bytes(credential), ...ids});
            const create = () => device.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
            const deks = Array.from({length: 16}, create);
            const error = await refusal('LIMIT', create);
            expect(error.message).to.contain('it holds at most 16 (ENOMEM; firmware status LIM_ERR (0x8)');
            deks[0]!.destroy();
            create();
          },
          {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!)},
        );
      },
    );

    it('tells a DEK in ERROR', async () => {
      const args = {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!)};
      await child.run(({kept, bytes}, {key, credential, ...ids}) => {
        kept.device!.login({credential: bytes(credential), ...ids});
        kept.dek = kept.device!.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
      }, args);
      nic.set({dekErrors: [{which: 'all'}]});
      try {
        expect(await child.run(({kept}) => kept.dek!.query().state)).to.equal('ERROR');
      } finally {
        nic.set({dekErrors: []});
      }
    });

    it('keeps a busy DEK, and the device with it', async () => {
      await child.run(
        ({kept, bytes}, {key, credential, ...ids}) => {
          kept.device!.login({credential: bytes(credential), ...ids});
          kept.dek = kept.device!.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!)},
      );
      nic.set({faults: [{command: 'destroy', object: 'dek', status: 6, times: 2}]});
      await child.run(async ({kept, expect, refusal}) => {
        await refusal('BUSY', () => kept.dek!.destroy());
        await refusal('BUSY', () => kept.device!.close());
        expect([kept.dek!.closed, kept.device!.closed]).to.deep.equal([false, false]);
        expect(kept.dek!.query().state).to.equal('READY');
      });
    });

    const statuses: [string, number, string, string][] = [
      ['BAD_RES_STATE', 9, 'REFUSED', errnoOf('EINVAL')],
      ['NO_RES', 0xf, UNTOLD ?? 'BUSY', errnoOf('EAGAIN')],
      ['RES_BUSY', 6, UNTOLD ?? 'BUSY', errnoOf('EBUSY')],
      ['INT_ERR', 1, 'REFUSED', errnoOf('EIO')],
    ];
    for (const [name, status, code, errno] of statuses) {
      it(`turns firmware status ${name} at create into ${code}, ${errno}`, async () => {
        nic.set({faults: [{command: 'create', object: 'dek', status, times: 1}]});
        await child.run(
          async ({kept, bytes, expect, refusal}, {key, code, errno, credential, ...ids}) => {
            kept.device!.login({credential: bytes(credential), ...ids});
            const create = () => kept.device!.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
            expect((await refusal(code, create)).errno).to.equal(errno);
            create();
          },
          {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!), code, errno},
        );
      });
    }

    it('closes everything when the NIC is gone', async () => {
      await child.run(
        ({kept, bytes}, {key, credential, ...ids}) => {
          const device = kept.device!;
          kept.login = device.login({credential: bytes(credential), ...ids});
          kept.dek = device.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!)},
      );
      nic.set({gone: true});
      try {
        await child.run(async ({kept, bytes, expect, refusal}, key) => {
          const {device, login, dek} = kept;
          await refusal('DEVICE_GONE', () => dek!.query());
          await refusal('DEVICE_GONE', () => dek!.destroy());
          await refusal('DEVICE_GONE', () => login!.query());
          await refusal('DEVICE_GONE', () => login!.close());
          await refusal('DEVICE_GONE', () => device!.createDek({wrapped: bytes(key), keySize: 256, keytag: true}));
          device!.close();
          expect([device!.closed, login!.closed, dek!.closed]).to.deep.equal([true, true, true]);
        }, nic.wrappedKey(LAYOUTS[3]!));
      } finally {
        nic.set({gone: false});
      }
    });

    it('has one login per device context, and contexts that know nothing of each other', async () => {
      await child.run(
        async ({kept, bytes, expect, openDevice}, {key, api, credential, ...ids}) => {
          const first = kept.device!;
          const second = await openDevice('mlx5_0', {loginApi: api});
          first.login({credential: bytes(credential), ...ids});
          second.login({credential: bytes(credential), ...ids});
          const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
          const dek = first.createDek(options);
          second.createDek(options);
          second.close();
          expect(first.currentLogin!.query()).to.equal('VALID');
          expect(dek.query().state).to.equal('READY');
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!), api: loginApi},
      );
    });

    it('answers any garbage with a typed error', async () => {
      await child.run(
        async ({kept, bytes, import: load}, {key, numRuns, credential, ...ids}) => {
          const fc = (await load('fast-check')) as typeof import('fast-check');
          const device = kept.device!;
          const anything = fc.anything({
            withBigInt: true,
            withBoxedValues: true,
            withTypedArray: true,
            withNullPrototype: true,
          });
          const or = <T>(good: T) =>
            fc.oneof({weight: 3, arbitrary: fc.constant(good)}, {weight: 1, arbitrary: anything});
          const login = fc.record({
            credential: or(bytes(credential)),
            credentialId: or(ids.credentialId),
            importKekId: or(ids.importKekId),
          });
          const dek = fc.record({
            wrapped: or(bytes(key)),
            plaintext: or(undefined),
            keySize: or(256),
            keytag: or(true),
            opaque: or(undefined),
          });
          const harmless = (call: () => {[Symbol.dispose](): void}) => {
            try {
              call()[Symbol.dispose]();
            } catch (error) {
              if ((error as Error).name !== 'DekError') throw error;
            }
          };
          fc.assert(
            fc.property(fc.oneof(login, anything), fc.oneof(dek, anything), (loginOptions, dekOptions) => {
              harmless(() => device.login(loginOptions as never));
              const options = {credential: bytes(credential), ...ids};
              const current = device.login(options);
              harmless(() => device.createDek(dekOptions as never));
              current.close();
            }),
            {numRuns},
          );
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!), numRuns: process.env['SLOW'] ? 20_000 : 500},
      );
    });

    it('survives a thousand DEKs whose handles are forgotten', async () => {
      await child.run(
        ({kept, bytes}, {key, credential, ...ids}) => {
          const device = kept.device!;
          device.login({credential: bytes(credential), ...ids});
          for (let i = 0; i < 1000; i++) device.createDek({wrapped: bytes(key), keySize: 256, keytag: true}).destroy();
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUTS[3]!)},
      );
    });
  });
}

/** The same hex with its last bit flipped. */
function flipBit(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes[bytes.length - 1]! ^= 1;
  return bytes.toString('hex');
}
