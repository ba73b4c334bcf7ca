import {type SpawnSyncReturns, spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {createVirtual, openVirtual} from '../../src/virtual/index.js';
import {Client} from '../support/nic/client.js';
import {testDevice} from '../support/nic/device.js';
import {DEK} from '../support/process/run-dek.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('the directory of a virtual ConnectX', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  it('keeps others out', async () => {
    const device = await testDevice();
    const mode = (name: string): number => fs.statSync(join(device.directory, name)).mode & 0o777;
    try {
      expect(['.', 'officer', 'sysfs'].map(mode)).to.deep.equal([0o700, 0o700, 0o700]);
      expect(['mlx5_0.nvram', 'officer/import-kek', 'officer/credential'].map(mode)).to.deep.equal([
        0o600, 0o600, 0o600,
      ]);
      expect(device.kek).to.have.length(32);
      expect(device.credential).to.have.length(40);
    } finally {
      device.remove();
    }
  });
  it('is created where there is none, and found again', async () => {
    const path = join(directory, 'a', 'b');
    const kek = randomBytes(16);
    const made = await createVirtual(path, {kek, kekId: 1, credentialId: 2, devices: 3, settings: {logMaxDeks: 4}});
    const found = openVirtual(path);
    expect(found.devices).to.deep.equal(['mlx5_0', 'mlx5_1', 'mlx5_2']);
    expect(found.show('mlx5_2')).to.deep.equal(made.show('mlx5_2'));
    expect(found.show().logMaxDeks).to.equal(4);
    expect(fs.readFileSync(found.kekFile).equals(kek)).to.equal(true);
  });
  it('is refused when it is not empty', async () => {
    fs.writeFileSync(join(directory, 'precious'), '');
    const error = await createVirtual(directory).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(DekError).with.property('code', 'EXISTS');
    expect(fs.readdirSync(directory)).to.deep.equal(['precious']);
  });
  for (const name of ['a b', 'a:b', 'a$LIB']) {
    it(`is refused as "${name}", which LD_PRELOAD cannot hold`, async () => {
      const error = await createVirtual(join(directory, name)).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('code', 'BAD_ARGUMENT');
      expect(fs.readdirSync(directory)).to.deep.equal([]);
    });
  }
  it('is refused when it is a file', async () => {
    const path = join(directory, 'file');
    fs.writeFileSync(path, '');
    const error = await createVirtual(path).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(DekError).with.property('code', 'BAD_ARGUMENT');
    expect(() => openVirtual(path)).to.throw(DekError, 'not a directory');
  });
  it('is refused when no virtual ConnectX is in it', () => {
    expect(() => openVirtual(directory)).to.throw(DekError, 'is not a virtual ConnectX');
    expect(() => openVirtual(join(directory, 'missing'))).to.throw(DekError, 'no such file or directory');
  });
  it('needs a C compiler, and says where to get one', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = directory;
    try {
      const error = await createVirtual(join(directory, 'nic')).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('code', 'UNSUPPORTED');
      expect((error as DekError).hint).to.include('apt install gcc libc6-dev linux-libc-dev');
      expect(fs.readdirSync(directory)).to.deep.equal([]);
    } finally {
      process.env['PATH'] = path;
    }
  });
  it('is refused where no directory can be made, and behind a symbolic link that leads nowhere', async () => {
    fs.symlinkSync('nowhere', join(directory, 'link'));
    for (const [path, message] of [
      ['/proc/x/y', 'cannot make /proc/x/y: no such file or directory'],
      [join(directory, 'link'), `cannot make ${join(directory, 'link')}: not a directory`],
    ] as const) {
      const error = await createVirtual(path).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('message', message);
    }
  });
  it('is made by one of several that try at once', async () => {
    const path = join(directory, 'nic');
    const device = await testDevice();
    const shim = join(device.directory, 'uverbs.so');
    const tries = Array.from({length: 8}, (_, i) => createVirtual(path, {kekId: i, shim}));
    const outcomes = (await Promise.allSettled(tries)).map((outcome) =>
      outcome.status === 'fulfilled' ? 'made' : (outcome.reason as DekError).code,
    );
    device.remove();
    expect(outcomes.filter((outcome) => outcome !== 'EXISTS')).to.deep.equal(['made']);
    expect(openVirtual(path).show().importKeks[0]!.id).to.equal(outcomes.indexOf('made'));
  });
  it('takes a KEK at once, and leaves it to the caller', async () => {
    const device = await testDevice();
    const kek = new Uint8Array(16).fill(5);
    const making = createVirtual(join(directory, 'nic'), {kek, shim: join(device.directory, 'uverbs.so')});
    kek.fill(6);
    expect([...fs.readFileSync((await making).kekFile)]).to.deep.equal(new Array(16).fill(5));
    expect([...kek]).to.deep.equal(new Array(16).fill(6));
    device.remove();
    const liar = Object.defineProperty(new Uint8Array(16), 'length', {value: 32});
    expect(fs.statSync((await createVirtual(join(directory, 'liar'), {kek: liar})).kekFile).size).to.equal(16);
    const error = await createVirtual(join(directory, 'no'), {kek: new Uint8Array(24)}).catch(
      (reason: unknown) => reason,
    );
    expect(error)
      .to.be.instanceOf(DekError)
      .with.property('message', '"kek" expected Uint8Array of length 32 or 16, got length=24');
  });

  describe('is left as it was', () => {
    /** Runs `dek virtual create` with a cc that does this. */
    function createWith(cc: string, path: string): SpawnSyncReturns<string> {
      const bin = fs.mkdtempSync(join(directory, 'bin-'));
      fs.writeFileSync(join(bin, 'cc'), `#!/bin/sh\n${cc}\n`, {mode: 0o755});
      const env = {...process.env, PATH: `${bin}:${process.env['PATH']}`};
      const ended = spawnSync(process.execPath, [DEK, 'virtual', 'create', path], {encoding: 'utf8', env});
      fs.rmSync(bin, {recursive: true});
      return ended;
    }
    const half = 'echo half > "$5"'; // as cc is called: -O2 -shared -fPIC -o FILE

    for (const signal of ['SIGINT', 'SIGTERM']) {
      it(`when ${signal} comes while cc runs`, () => {
        for (const cc of [
          `${half}; kill -${signal.slice(3)} $PPID; exit 1`,
          `${half}; kill -${signal.slice(3)} $PPID`,
        ]) {
          const ended = createWith(cc, join(directory, 'a', 'b'));
          expect([ended.signal, ended.stdout, ended.stderr]).to.deep.equal([signal, '', '']);
          expect(fs.readdirSync(directory)).to.deep.equal([]);
        }
      });
    }
    it('when cc fails, with what ld says of the reason', () => {
      fs.mkdirSync(join(directory, 'nic'));
      const ld = 'echo "/usr/bin/ld: final link failed: No space left on device" >&2';
      const ended = createWith(
        `${half}; ${ld}; echo "collect2: error: ld returned 1 exit status" >&2; exit 1`,
        join(directory, 'nic'),
      );
      expect(ended.stderr).to.equal(
        'error: cc failed on the virtual ConnectX: /usr/bin/ld: final link failed: No space left on device\n',
      );
      expect(ended.status).to.equal(1);
      expect(fs.readdirSync(join(directory, 'nic'))).to.deep.equal([]);
    });
    it('when a later file cannot be written', () => {
      const ended = createWith(`mkdir "\${5%uverbs.so}mlx5_0.nvram"`, join(directory, 'nic'));
      expect(ended.status).to.equal(5);
      expect(fs.readdirSync(directory)).to.deep.equal([]);
    });
  });
  it('can be moved', async () => {
    const device = await testDevice();
    const moved = join(directory, 'moved');
    fs.cpSync(device.directory, moved, {recursive: true, verbatimSymlinks: true});
    device.remove();
    const nic = openVirtual(moved);
    const client = new Client({
      ...device,
      spawn: (...args) => device.spawn(args[0], args[1], {...args[2], env: nic.environment()}),
    });
    try {
      expect(await client.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
      expect(nic.show().live.pds).to.equal(1);
    } finally {
      await client.end();
    }
  });
});
