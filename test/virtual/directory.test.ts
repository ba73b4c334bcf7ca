import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {createVirtual, openVirtual} from '../../src/virtual/index.js';
import {Client} from './client.js';
import {temporaryDirectory, testDevice} from './device.js';

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
    expect(() => openVirtual(path)).to.throw(DekError, 'is not a directory');
  });
  it('is refused when no virtual ConnectX is in it', () => {
    expect(() => openVirtual(directory)).to.throw(DekError, 'is not a virtual ConnectX');
    expect(() => openVirtual(join(directory, 'missing'))).to.throw(DekError, 'does not exist');
  });
  it('needs a C compiler, and says where to get one', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = directory;
    try {
      const error = await createVirtual(join(directory, 'nic')).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DekError).with.property('code', 'UNSUPPORTED');
      expect((error as DekError).hint).to.include('apt install gcc libc6-dev linux-libc-dev');
    } finally {
      process.env['PATH'] = path;
    }
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
