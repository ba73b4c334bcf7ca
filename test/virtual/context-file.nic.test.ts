/** The file of a context, mlx5_N.ctx/SLOT: altered by somebody else, or without room on its file system. */
import {execFileSync, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {Client, clientProgram, hex, login, testKeys, wrapped} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {needing} from '../support/nic/release.js';
import {runDek} from '../support/process/run-dek.js';
import {skipWithout} from '../support/skip.js';

describe('the file of a context', () => {
  let device: TestDevice;
  let client: Client;
  let file: string;

  beforeEach(async () => {
    device = await testDevice();
    client = new Client(device);
    expect(await client.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
    const folder = join(device.directory, 'mlx5_0.ctx');
    file = join(folder, fs.readdirSync(folder)[0]!);
  });
  afterEach(async () => {
    await client.end();
    device.remove();
  });

  const expectAnotherToWork = async (): Promise<void> => {
    const questions = ['open', 'pd', login(device), `create session 256 0 ${wrapped(device)}`];
    expect(await client.askAll(questions)).to.deep.equal(['ok', 'ok', 'ok', '0']);
  };

  for (const bytes of [0, 4096, 131_172]) {
    it(`that is cut short to ${bytes} bytes: no SIGBUS, and another context works`, async () => {
      fs.truncateSync(file, bytes);
      expect(await client.ask('pd')).to.not.equal('ok');
      await expectAnotherToWork();
    });
  }

  for (const {what, make} of [
    {what: 'a pipe, which nobody waits for', make: () => execFileSync('mkfifo', [file])},
    {what: 'a directory', make: () => fs.mkdirSync(file)},
  ]) {
    it(`in whose place is ${what}`, async () => {
      fs.rmSync(file);
      make();
      expect(device.nic.show().live.contexts).to.equal(0);
      await expectAnotherToWork();
    });
  }

  it('that says it has more objects than there can be', async () => {
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.alloc(4, 0xff), 0, 4, 65_536 + 28); // shared.count
    fs.ftruncateSync(fd, 2 ** 40);
    fs.closeSync(fd);
    expect(device.nic.show().live.pds).to.equal(1);
  });
});

describe('a virtual ConnectX', () => {
  let device: TestDevice;

  beforeEach(async () => {
    device = await testDevice({settings: {importMode: 'plaintext'}});
  });
  afterEach(() => device.remove());

  needing('plaintext DEKs').it('whose file system is full makes no more DEKs, and keeps those of before', function () {
    const mount = join(device.directory, 'small');
    fs.mkdirSync(mount);
    const isMounted = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', mount]).status === 0;
    skipWithout('mounts', this, isMounted);
    const {key1, key2} = testKeys(256);
    const create = `plaintext 256 0 ${hex(key1)}${hex(key2)}`;
    const questions = ['open', 'pd', `create ${create}`, `many 5000 ${create}`, 'query 0', 'close', 'open'];
    const script = `mount -t tmpfs -o size=160k none "$1" && cp "$DEK_VIRTUAL/mlx5_0.nvram" "$1" &&
      DEK_VIRTUAL="$1" exec "$2"`;
    const args = ['--mount', 'sh', '-c', script, 'sh', mount, clientProgram('client.c')];
    const {status, stdout} = device.run('unshare', args, {input: `${questions.join('\n')}\n`});
    expect(status).to.equal(0);
    expect(stdout).to.match(/^ok\nok\nok 0\nok \d{2,3} \S+ EAGAIN\nok READY .*\nok\nok\n$/);
  });

  for (const [name, {status, error}] of Object.entries({
    'mlx5_0.nvram': {status: 2, error: 'mlx5_0.nvram is not the image of a virtual ConnectX'},
    'uverbs.so': {status: 3, error: 'is not a virtual ConnectX'},
  })) {
    it(`in which ${name} is a pipe is refused, and not waited for`, async () => {
      fs.rmSync(join(device.directory, name));
      execFileSync('mkfifo', [join(device.directory, name)]);
      const run = await runDek(['virtual', 'exec', device.directory, '--', 'true']);
      expect(run.status).to.equal(status);
      expect(run.stderr).to.include(error);
    });
  }
});
