import {type SpawnSyncReturns, spawn, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import type {VirtualReport} from '../../src/virtual/index.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const DEK = fileURLToPath(new URL('../../../bin/dek.cjs', import.meta.url));

describe('dek virtual', () => {
  let directory: string;
  let nic: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    nic = join(directory, 'nic');
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  function dek(...args: string[]): SpawnSyncReturns<string> {
    return spawnSync(process.execPath, [DEK, 'virtual', ...args], {encoding: 'utf8'});
  }

  function json<T>(...args: string[]): T {
    const {status, stdout, stderr} = dek(...args, '--json');
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    return JSON.parse(stdout) as T;
  }

  it('create says where the copies of the officer lie, and nothing secret', () => {
    const {status, stdout} = dek('create', nic);
    expect(status).to.equal(0);
    expect(stdout).to.match(/import KEK: +id 0x[0-9a-f]+, KCV [0-9a-f]{10}, in .*\/nic\/officer\/import-kek\n/);
    expect(stdout).to.match(/credential: +id 0x[0-9a-f]+, in .*\/nic\/officer\/credential\n/);
    for (const name of ['import-kek', 'credential']) {
      const secret = fs.readFileSync(join(nic, 'officer', name));
      expect(stdout).to.not.include(secret.toString('hex').slice(0, 16));
    }
  });

  it('create takes keys, ids, mode and limit', () => {
    fs.writeFileSync(join(directory, 'kek'), Buffer.alloc(16, 1), {mode: 0o600});
    fs.writeFileSync(join(directory, 'credential'), Buffer.alloc(40, 2), {mode: 0o600});
    const flags = [
      '--kek',
      `file:${directory}/kek`,
      '--kek-id',
      '0x10',
      '--credential',
      `file:${directory}/credential`,
    ];
    flags.push('--credential-id', '5', '--import-mode', 'plaintext', '--log-max-deks', '3', '--devices', '2');
    const created = json<{importKekId: number; credentialId: number; devices: string[]; importKekFile: string}>(
      'create',
      nic,
      ...flags,
    );
    expect(created).to.include({importKekId: 16, credentialId: 5});
    expect(created.devices).to.deep.equal(['mlx5_0', 'mlx5_1']);
    expect(fs.readFileSync(created.importKekFile)).to.deep.equal(Buffer.alloc(16, 1));
    const [report] = json<VirtualReport[]>('show', nic);
    expect(report).to.include({importMode: 'plaintext', logMaxDeks: 3});
  });

  it('create refuses a directory in use, a short KEK and an id of 25 bits', () => {
    fs.writeFileSync(join(directory, 'kek'), Buffer.alloc(24, 1), {mode: 0o600});
    expect(dek('create', directory))
      .to.include({status: 5})
      .and.have.property('stderr')
      .that.matches(/is not empty/);
    expect(dek('create', nic, '--kek', `file:${directory}/kek`).status).to.equal(2);
    expect(dek('create', nic, '--kek-id', '16777216').status).to.equal(2);
    expect(fs.existsSync(nic)).to.equal(false);
  });

  it('set and show', () => {
    dek('create', nic);
    fs.writeFileSync(join(directory, 'kek'), Buffer.alloc(32, 1), {mode: 0o600});
    const words = [
      'latency-us=100',
      `kek=7:file:${directory}/kek`,
      'fault=create-dek,status=no_res,times=2',
      'gone=yes',
    ];
    const [report] = json<VirtualReport[]>('set', nic, ...words);
    expect(report).to.include({latencyUs: 100, gone: true});
    expect(report!.importKeks.map(({id}) => id)).to.include(7);
    const {stdout} = dek('show', nic);
    expect(stdout).to.match(/latency: +100 us a firmware command, 16 at once\n/);
    expect(stdout).to.match(/state: +operational, gone from the bus\n/);
    expect(stdout).to.match(/fault: +create of dek: no_res, syndrome 0x0, 2 more, 0 so far\n/);
    expect(stdout).to.match(/live: +0 contexts, 0 PDs, 0 logins, 0 DEKs\n/);
  });

  it('set with one bad word changes nothing and lists the valid ones', () => {
    dek('create', nic);
    const before = dek('show', nic).stdout;
    const key = dek('set', nic, 'latency-us=5', 'latency=5');
    expect(key.status).to.equal(2);
    expect(key.stderr).to.include('error: no setting "latency"').and.include('latency-us, ').and.include('gone, ');
    const value = dek('set', nic, 'latency-us=5', 'gone=maybe');
    expect(value.status).to.equal(2);
    expect(value.stderr).to.include('not a value of gone: maybe').and.include('gone=yes|no');
    expect(dek('show', nic).stdout).to.equal(before);
  });

  it('exec runs a program on the NIC and returns its exit status', () => {
    dek('create', nic);
    const {status, stdout} = dek('exec', nic, '--', 'ibv_devinfo', '-l');
    expect({status, stdout}).to.deep.equal({status: 0, stdout: '1 HCA found:\n\tmlx5_0\n\n'});
    expect(dek('exec', nic, '--', 'sh', '-c', 'exit 9').status).to.equal(9);
    expect(dek('exec', nic, '--', 'sh', '-c', 'kill -TERM $$').status).to.equal(128 + 15);
    const missing = dek('exec', nic, '--', 'no-such-program');
    expect(missing.status).to.equal(127);
    expect(missing.stderr).to.equal('error: cannot run no-such-program: no such program\n');
    expect(dek('exec', nic, '--').status).to.equal(2);
    expect(dek('exec', join(directory, 'other'), '--', 'true').status).to.equal(3);
  });

  it('exec runs dek itself', () => {
    dek('create', nic);
    const {status, stdout} = dek('exec', nic, '--', process.execPath, DEK, 'device', 'list', '--json');
    expect(status).to.equal(0);
    expect((JSON.parse(stdout) as {name: string}[]).map(({name}) => name)).to.deep.equal(['mlx5_0']);
  });

  it('exec passes stdin and signals on', async () => {
    dek('create', nic);
    const script = 'trap "echo got it; exit 4" TERM; read line; echo "$line"; while :; do sleep 0.05; done';
    const child = spawn(process.execPath, [DEK, 'virtual', 'exec', nic, '--', 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end('hello\n');
    for (let i = 0; i < 500 && output !== 'hello\n'; i++) await sleep(10);
    child.kill('SIGTERM');
    expect(await exit).to.equal(4);
    expect(output).to.equal('hello\ngot it\n');
  });
});
