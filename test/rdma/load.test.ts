import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {loadFailed} from '../../src/rdma/pin.js';
import {Child} from '../support/child.js';
import {skipWithout} from '../support/skip.js';

describe('load', () => {
  let folder: string;
  let child: Child | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dek-load-'));
  });
  afterEach(async () => {
    await child?.stop();
    child = undefined;
    rmSync(folder, {recursive: true});
  });

  it('does not load koffi or the libraries on import', async () => {
    child = new Child();
    await child.run(async ({import: load, expect}) => {
      const {readFileSync} = (await load('node:fs')) as typeof import('node:fs');
      expect(readFileSync('/proc/self/maps', 'latin1')).to.not.match(/koffi|libmlx5|libibverbs/);
    });
  });

  it('is NO_LIBRARY with the Debian packages when a library cannot be loaded', async () => {
    writeFileSync(join(folder, 'libmlx5.so.1'), '');
    child = new Child({LD_LIBRARY_PATH: folder});
    await child.run(async ({expect, refusal, listDevices, openDevice}) => {
      const error = await refusal('NO_LIBRARY', () => listDevices());
      expect(error.message).to.match(/^libmlx5\.so\.1 cannot be loaded: .*file too short/);
      expect(error.hint).to.contain('libibverbs1').and.to.contain('ibverbs-providers');
      await refusal('NO_LIBRARY', () => openDevice());
    });
  });

  it('tells libraries of different releases apart from a missing one', async () => {
    // A libibverbs of another release: it lacks the private symbol version that this libmlx5 was linked with.
    writeFileSync(join(folder, 'other.c'), 'int other_release;\n');
    writeFileSync(join(folder, 'other.map'), 'IBVERBS_PRIVATE_1 { other_release; };\n');
    execFileSync('cc', [
      ...['-shared', '-Wl,-soname,libibverbs.so.1', `-Wl,--version-script=${join(folder, 'other.map')}`],
      ...['-o', join(folder, 'libibverbs.so.1'), join(folder, 'other.c')],
    ]);
    child = new Child({LD_LIBRARY_PATH: folder});
    await child.run(async ({expect, refusal, listDevices}) => {
      const error = await refusal('MIXED_LIBRARIES', () => listDevices());
      expect(error.message).to.match(
        /^libibverbs and libmlx5 are of different releases: .*version `IBVERBS_\S+' not found/,
      );
    });
  });

  it('gives a reason also when dlerror(3) has none', () => {
    expect(loadFailed('libmlx5.so.1', null).message).to.equal('libmlx5.so.1 cannot be loaded: no reason given');
  });

  it('has an empty list and NO_DEVICE on a host without RDMA', async function () {
    skipWithout('no RDMA', this);
    child = new Child({SYSFS_PATH: folder});
    await child.run(async ({expect, refusal, listDevices, openDevice}) => {
      expect(listDevices()).to.deep.equal([]);
      expect((await refusal('NO_DEVICE', () => openDevice())).hint).to.contain('dek virtual create');
      await refusal('NO_DEVICE', () => openDevice('mlx5_0'));
    });
  });

  it('knows the release of rdma-core', async () => {
    child = new Child();
    expect(await child.run(({libraryVersion}) => libraryVersion())).to.match(/^\d+\.\d+$/);
  });

  it('keeps the libraries when the worker that loaded them ends', async () => {
    child = new Child({}, ['--expose-gc']);
    await child.run(
      async ({import: load, expect}, url) => {
        const {Worker} = (await load('node:worker_threads')) as typeof import('node:worker_threads');
        const {readFileSync} = (await load('node:fs')) as typeof import('node:fs');
        const source = `import(${JSON.stringify(url)}).then((rdma) => rdma.libraryVersion())`;
        const worker = new Worker(source, {eval: true});
        expect(await new Promise((resolve) => worker.once('exit', resolve))).to.equal(0);
        globalThis.gc!();
        expect(readFileSync('/proc/self/maps', 'latin1')).to.match(
          /libibverbs\.so.*libmlx5\.so|libmlx5\.so.*libibverbs\.so/s,
        );
      },
      new URL('../../src/rdma/index.js', import.meta.url).href,
    );
  });

  it('can be imported twice in one thread', async () => {
    child = new Child();
    await child.run(
      async ({import: load, listDevices, expect}, url) => {
        const second = (await load(`${url}?second`)) as typeof import('../../src/rdma/ffi.js');
        listDevices();
        expect(second.libraryVersion()).to.be.a('string');
      },
      new URL('../../src/rdma/ffi.js', import.meta.url).href,
    );
  });

  it('refuses arguments of the wrong type before it loads anything', async () => {
    child = new Child();
    await child.run(async ({refusal, openDevice}) => {
      for (const name of [null, 1, 5n, {}, Symbol('x'), ['mlx5_0']]) {
        await refusal('BAD_ARGUMENT', () => openDevice(name as string));
      }
      await refusal('BAD_ARGUMENT', () => openDevice(undefined, null as never));
      await refusal('BAD_ARGUMENT', () => openDevice(undefined, {loginApi: 'x' as 'object'}));
    });
  });
});
