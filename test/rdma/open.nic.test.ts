/** Finding and opening devices, on virtual ConnectX NICs of several kinds. */
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {constants, tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {Child} from '../support/child.js';
import {type Nic, newNic} from '../support/nic/nic.js';
import {needing} from '../support/nic/release.js';
import {skipWithout} from '../support/skip.js';

const INDEX = new URL('../../src/rdma/index.js', import.meta.url).href;
const LAYOUT = {keySize: 256, keytag: true};

describe('openDevice', () => {
  let nic: Nic;
  let child: Child;
  before(async () => {
    nic = await newNic({}, {devices: 2});
    child = new Child(nic.env, ['--expose-gc']);
  });
  after(async () => {
    await child?.stop();
    nic?.remove();
  });
  afterEach(() => {
    for (const name of ['mlx5_0', 'mlx5_1']) expect(nic.live(name).contexts, name).to.equal(0);
  });

  it('lists devices with all that names them', async () => {
    expect(await child.run(({listDevices}) => listDevices())).to.deep.equal(
      [0, 1].map((index) => ({
        name: `mlx5_${index}`,
        node: `/dev/infiniband/uverbs${index}`,
        nodeGuid: `506b:4b03:00c0:ffe${['e', 'f'][index]}`,
        pciAddress: `0000:3b:00.${index}`,
        model: 'ConnectX-6 Dx',
        firmware: '22.36.1010',
        mlx5: true,
      })),
    );
  });

  for (const name of ['mlx5_1', '0000:3b:00.1', '3b:00.1', '506b:4b03:00c0:ffef', '0x506b4b0300c0ffef']) {
    it(`opens ${name}`, async () => {
      const opened = await child.run(async ({openDevice}, name) => {
        const device = await openDevice(name);
        device.close();
        return device.name;
      }, name);
      expect(opened).to.equal('mlx5_1');
    });
  }

  it('wants a name when there are several', async () => {
    await child.run(async ({refusal, openDevice, expect}) => {
      expect((await refusal('BAD_ARGUMENT', () => openDevice())).message).to.contain('mlx5_0, mlx5_1');
      await refusal('NO_DEVICE', () => openDevice('mlx5_2'));
    });
  });

  const refusedOpens: [string, string, RegExp][] = [
    ['EACCES', 'PERMISSION', /^permission denied on \/dev\/infiniband\/uverbs1$/],
    ['EPERM', 'PERMISSION', /^permission denied on \/dev\/infiniband\/uverbs1$/],
    ['EMFILE', 'LIMIT', /^cannot open mlx5_1: too many open files/],
  ];
  for (const [errno, code, message] of refusedOpens) {
    it(`is ${code} when opening fails with ${errno}`, async () => {
      nic.set({openErrno: constants.errno[errno as 'EACCES']}, 'mlx5_1');
      try {
        const error = await child.run(async ({refusal, openDevice}, code) => {
          const {message, errno} = await refusal(code, () => openDevice('mlx5_1'));
          return {message, errno};
        }, code);
        expect(error.message).to.match(message);
        expect(error.errno).to.equal(errno);
      } finally {
        nic.set({openErrno: 0}, 'mlx5_1');
      }
    });
  }

  it('says permission denied to a user without access to the node', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dek-node-'));
    const node = join(folder, 'uverbs0');
    const other = new Child();
    try {
      execFileSync('chmod', ['755', folder]);
      writeFileSync(node, '', {mode: 0o600});
      execFileSync('chmod', [process.getuid!() === 0 ? '600' : '000', node]);
      const message = await other.run(async ({refusal, assertAccess}, node) => {
        // access(2) asks for the real user.
        if (process.getuid!() === 0) process.setuid!(65534);
        return (await refusal('PERMISSION', () => assertAccess(node))).message;
      }, node);
      expect(message).to.equal(`permission denied on ${node}`);
    } finally {
      await other.stop();
      rmSync(folder, {recursive: true});
    }
  });

  it('keeps the event loop turning while a slow NIC opens', async () => {
    nic.set({latencyUs: 600_000}, 'mlx5_0');
    try {
      const {totalMs, longestMs} = await child.run(async ({openDevice}) => {
        const start = performance.now();
        let last = start;
        let longestMs = 0;
        const beat = () => {
          longestMs = Math.max(longestMs, performance.now() - last);
          last = performance.now();
        };
        const timer = setInterval(beat, 5);
        const device = await openDevice('mlx5_0');
        beat();
        clearInterval(timer);
        device.close();
        return {totalMs: last - start, longestMs};
      });
      expect(totalMs).to.be.above(600);
      expect(longestMs).to.be.below(totalMs / 2);
    } finally {
      nic.set({latencyUs: 0}, 'mlx5_0');
    }
  });

  it('opens one device twenty times at once', async () => {
    await child.run(async ({openDevice}) => {
      const devices = await Promise.all(Array.from({length: 20}, () => openDevice('mlx5_0')));
      for (const device of devices) device.close();
    });
  });

  it('is BUSY, not a crash, when more are opened at once than Koffi takes', async () => {
    await child.run(async ({openDevice, expect}) => {
      const opened = await Promise.allSettled(Array.from({length: 300}, () => openDevice('mlx5_0')));
      for (const result of opened) {
        if (result.status === 'fulfilled') result.value.close();
        else expect(result.reason.code).to.be.oneOf(['BUSY', 'LIMIT', 'REFUSED']);
      }
      expect(opened.some(({status}) => status === 'fulfilled')).to.equal(true);
    });
  });

  it('works in a worker thread, whose end leaves the libraries in place', async () => {
    await child.run(async ({import: load, openDevice, expect}, url) => {
      const {Worker} = (await load('node:worker_threads')) as typeof import('node:worker_threads');
      const source = `import(${JSON.stringify(url)}).then(async (rdma) => {
        rdma.listDevices();
        (await rdma.openDevice('mlx5_1')).close();
      })`;
      const ends = [1, 2, 3].map(() => {
        const worker = new Worker(source, {eval: true});
        return new Promise((resolve) => worker.once('exit', resolve));
      });
      expect(await Promise.all(ends)).to.deep.equal([0, 0, 0]);
      globalThis.gc!();
      (await openDevice('mlx5_1')).close();
    }, INDEX);
  });

  it('survives a worker thread that is terminated while it opens', async () => {
    nic.set({latencyUs: 20_000}, 'mlx5_1');
    const other = new Child(nic.env);
    try {
      await other.run(async ({import: load, listDevices, openDevice}, url) => {
        const {Worker} = (await load('node:worker_threads')) as typeof import('node:worker_threads');
        const source = `import(${JSON.stringify(url)}).then((rdma) => {
          rdma.openDevice('mlx5_1');
          require('node:worker_threads').parentPort.postMessage('opening');
        })`;
        const worker = new Worker(source, {eval: true});
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
        listDevices();
        (await openDevice('mlx5_1')).close();
      }, INDEX);
    } finally {
      await other.stop();
      nic.set({latencyUs: 0}, 'mlx5_1');
    }
  });

  it('keeps an open device through garbage collections', async () => {
    await child.run(
      async ({openDevice, bytes, expect}, {key, credential, ...ids}) => {
        const device = await openDevice('mlx5_0');
        for (let i = 0; i < 3; i++) {
          globalThis.gc!();
          device.login({credential: bytes(credential), ...ids}).close();
        }
        device.login({credential: bytes(credential), ...ids});
        const dek = device.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
        globalThis.gc!();
        expect(dek.query().state).to.equal('READY');
        device.close();
      },
      {...nic.secrets, key: nic.wrappedKey(LAYOUT)},
    );
  });
});

describe('caps of other NICs', () => {
  let nic: Nic;
  let child: Child;
  before(async () => {
    nic = await newNic();
    child = new Child(nic.env);
  });
  after(async () => {
    await child?.stop();
    nic?.remove();
  });

  needing('plaintext DEKs').it(
    'plaintext import: takes plaintext DEKs, and neither wrapped ones nor a login',
    async () => {
      nic.set({importMode: 'plaintext'});
      await child.run(
        async ({openDevice, bytes, refusal, expect}, {key, credential, ...ids}) => {
          const device = await openDevice();
          expect(device.caps.importMode).to.equal('plaintext');
          await refusal('UNSUPPORTED', () => device.login({credential: bytes(credential), ...ids}));
          await refusal('UNSUPPORTED', () => device.createDek({wrapped: bytes(key), keySize: 256, keytag: true}));
          for (const [keySize, keytag, plain] of [
            [128, false, 32],
            [128, true, 40],
            [256, false, 64],
            [256, true, 72],
          ] as const) {
            const plaintext = Uint8Array.from({length: plain}, (_, i) => i);
            const dek = device.createDek({plaintext, keySize, keytag, opaque: bytes('ff')});
            expect(dek.query()).to.deep.equal({state: 'READY', opaque: bytes('ff00000000000000')});
            await refusal('EQUAL_KEYS', () => device.createDek({plaintext: plaintext.fill(1), keySize, keytag}));
          }
          device.close();
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUT)},
      );
      nic.set({importMode: 'wrapped'});
    },
  );

  it('commissioning: no login yet', async () => {
    nic.set({state: 'commissioning'});
    await child.run(async ({openDevice, bytes, refusal, expect}, {credential, ...ids}) => {
      const device = await openDevice();
      expect(device.caps).to.include({importMode: 'wrapped', operational: false});
      const error = await refusal('UNSUPPORTED', () => device.login({credential: bytes(credential), ...ids}));
      expect(error.errno).to.equal('EOPNOTSUPP');
      expect(error.hint).to.contain('crypto officer');
      device.close();
    }, nic.secrets);
    nic.set({state: 'operational'});
  });

  it('a failed caps query: unknown', async () => {
    nic.set({faults: [{command: 'caps', status: 1, times: 'always'}]});
    await child.run(async ({openDevice, expect}) => {
      const device = await openDevice();
      expect(device.caps).to.include({importMode: 'unknown', maxDeks: 0});
      device.close();
    });
    nic.set({faults: []});
  });

  it('failed self-tests', async () => {
    nic.set({failedSelftests: 0x8001});
    const caps = await child.run(async ({openDevice}) => {
      const device = await openDevice();
      device.close();
      return device.caps;
    });
    expect(caps.failedSelftests).to.equal(0x8001);
    nic.set({failedSelftests: 0});
  });

  it('of another vendor: UNSUPPORTED', async function () {
    skipWithout('provider rxe', this);
    const folder = mkdtempSync(join(tmpdir(), 'dek-rxe-'));
    const files = {
      'class/infiniband_verbs/abi_version': '6',
      'class/infiniband_verbs/uverbs0/ibdev': 'rxe_0',
      'class/infiniband_verbs/uverbs0/dev': '1:5',
      'class/infiniband_verbs/uverbs0/abi_version': '2',
      'class/infiniband/rxe_0/node_type': '1: CA',
      'class/infiniband/rxe_0/node_guid': '0200:00ff:fe00:0001',
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), {recursive: true});
      writeFileSync(join(folder, name), `${text}\n`);
    }
    const other = new Child({...nic.env, SYSFS_PATH: folder});
    try {
      await other.run(async ({openDevice, listDevices, refusal, expect}) => {
        expect(listDevices()).to.have.length(1);
        expect(listDevices()[0]).to.include({name: 'rxe_0', mlx5: false});
        const error = await refusal('UNSUPPORTED', () => openDevice());
        expect(error.message).to.equal('rxe_0 is no mlx5 device');
      });
    } finally {
      await other.stop();
      rmSync(folder, {recursive: true});
    }
  });

  needing('login objects').it('under a library without login objects: falls back to the session API', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dek-old-'));
    const file = execFileSync('sh', ['-c', 'ldconfig -p | sed -n "s/.*libmlx5.so.1 .*=> //p"'], {encoding: 'utf8'});
    const library = readFileSync(file.trim().split('\n')[0]!);
    const name = 'mlx5dv_crypto_login_create\0';
    library.write('mlx5dv_crypto_login_hidden\0', library.indexOf(name), 'latin1');
    writeFileSync(join(folder, 'libmlx5.so.1.24.41.0'), library);
    symlinkSync('libmlx5.so.1.24.41.0', join(folder, 'libmlx5.so.1'));
    const other = new Child({...nic.env, LD_LIBRARY_PATH: folder});
    try {
      await other.run(
        async ({openDevice, bytes, refusal, expect, libraryVersion}, {key, credential, ...ids}) => {
          expect(libraryVersion()).to.equal('41.0');
          const device = await openDevice();
          expect(device.loginApi).to.equal('session');
          device.login({credential: bytes(credential), ...ids});
          const dek = device.createDek({wrapped: bytes(key), keySize: 256, keytag: true});
          expect(dek.query().state).to.equal('READY');
          device.close();
          const forced = await openDevice(undefined, {loginApi: 'object'});
          await refusal('UNSUPPORTED', () => forced.login({credential: bytes(credential), ...ids}));
          forced.close();
        },
        {...nic.secrets, key: nic.wrappedKey(LAYOUT)},
      );
    } finally {
      await other.stop();
      rmSync(folder, {recursive: true});
    }
  });
});
