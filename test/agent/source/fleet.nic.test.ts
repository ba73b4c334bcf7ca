import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {DEK} from '../../support/agent/agent-process.js';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, type OfficerKeys, settingsOf, TestHost, TestSet, volumes} from '../../support/fleet/fleet.js';
import {type Run, runDek} from '../../support/process/run-dek.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

describe('dek agent --manifest etcd://', () => {
  let etcd: EtcdCluster;
  let keys: OfficerKeys;
  let set: TestSet;
  const directory = temporaryDirectory();
  const hosts: TestHost[] = [];
  const hostNamed = async (name: string): Promise<TestHost> => {
    const host = await TestHost.make(name, etcd, keys);
    hosts.push(host);
    return host;
  };
  const fleet = (command: string, ...words: string[]): Promise<Run> =>
    runDek(['fleet', command, ...words, '--fleet', etcd.uri('root')]);
  const published = async (path: string, ...words: string[]): Promise<void> => {
    const {status, stderr} = await fleet('publish', path, ...words);
    expect(status, stderr).to.equal(0);
  };

  before(async () => {
    etcd = await EtcdCluster.start({names: ['node-1', 'node-2']});
  });
  beforeEach(() => {
    keys = newOfficerKeys(0x101);
    set = new TestSet(directory);
  });
  afterEach(async () => {
    for (const host of hosts.splice(0)) await host.remove();
    etcd.etcdctl('del', '--prefix', '/dek/');
  });
  after(async () => {
    await etcd.stop();
    fs.rmSync(directory, {recursive: true});
  });

  it('holds what is published, reports it, and follows', async () => {
    const host = await hostNamed('node-1');
    await published(await set.write({names: volumes(3), under: keys}), '--host', 'node-1');
    await host.start();
    expect(await host.ready()).to.deep.equal(volumes(3));
    await until(async () => (await fleet('status')).status === 0);
    await published(await set.write({names: volumes(5), under: keys}), '--all');
    await until(async () => (await host.generation()) === 2);
    expect(await host.ready()).to.deep.equal(volumes(5));
    await until(async () => (await fleet('status')).status === 0);
    const {
      hosts: [told],
    } = JSON.parse((await fleet('status', '--json')).stdout.toString());
    expect(told).to.include({host: 'node-1', wanted: 2, held: 2, deks: 5, ready: 5, login: 'VALID', why: null});
    await host.stop();
    await until(async () => /node-1 .*it is down/.test((await fleet('status')).stdout.toString()));
  });

  it('starts from the last good copy while the store is away, and takes up what was published meanwhile', async () => {
    const host = await hostNamed('node-1');
    await published(await set.write({names: volumes(2), under: keys}), '--host', 'node-1');
    await host.start();
    await host.stop('SIGKILL');
    await etcd.signal(0, 'SIGKILL');
    await host.start();
    expect(await host.ready()).to.deep.equal(volumes(2));
    expect(host.agent.log).to.include('"event":"last-good"');
    await etcd.run(0);
    await published(await set.write({names: volumes(4), under: keys}), '--all');
    await until(async () => (await host.generation()) === 2);
    expect(await host.ready()).to.deep.equal(volumes(4));
  });

  it('goes on without its last good copy while that cannot be written', async () => {
    const host = await hostNamed('node-1');
    await published(await set.write({names: volumes(2), under: keys}), '--host', 'node-1');
    await etcd.signal(0, 'SIGSTOP');
    const starting = host.start();
    const copy = join(host.state, 'held.json');
    try {
      await until(() => fs.existsSync(join(host.state, 'lock')));
      fs.mkdirSync(copy);
    } finally {
      await etcd.signal(0, 'SIGCONT');
    }
    await starting;
    expect(await host.ready()).to.deep.equal(volumes(2));
    expect(host.agent.log).to.match(/"generation-refused".*held\.json is not a regular file/);
    expect(host.agent.log).not.to.contain('last-good');
    fs.rmdirSync(copy);
    await until(() => fs.existsSync(copy));
  });

  it('ends at once by SIGTERM while it waits for the store', async () => {
    const host = await hostNamed('node-1');
    await etcd.signal(0, 'SIGSTOP');
    try {
      const socket = join(host.state, '../agent.sock');
      const words = [DEK, 'agent', '--socket', socket, '--manifest', etcd.uri('node-1'), '--state', host.state];
      const child = host.device.spawn(process.execPath, words, {stdio: ['ignore', 'ignore', 'pipe']});
      const log = text(child.stderr!);
      const exit = once(child, 'exit');
      await until(() => fs.existsSync(join(host.state, 'lock')));
      child.kill('SIGTERM');
      expect(await exit).to.deep.equal([1, null]);
      expect(await log).to.equal('error: etcd is not waited for any more: interrupted\n');
    } finally {
      await etcd.signal(0, 'SIGCONT');
    }
  });

  it('keeps what it has, and says why, when a DEK of the next generation is refused', async () => {
    const host = await hostNamed('node-1');
    await published(await set.write({names: volumes(2), under: keys}), '--host', 'node-1');
    await host.start();
    const path = await set.write({names: volumes(3), under: keys});
    fs.writeFileSync(path, fs.readFileSync(path, 'latin1').replace(/("wrapped":").{4}(?=[^\n]*\n$)/, '$1AAAA'));
    await published(path, '--all');
    await until(async () => /line 4: vol-3/.test((await fleet('status')).stdout.toString()));
    expect(await host.generation()).to.equal(1);
    expect(await host.ready()).to.deep.equal(volumes(2));
    await published(await set.write({names: volumes(3), under: keys}), '--all');
    await until(async () => (await host.generation()) === 3);
  });

  it('moves under the next KEK the hosts whose NICs have it, and creates no DEK anew', async () => {
    const [first, second] = [await hostNamed('node-1'), await hostNamed('node-2')];
    const next = newOfficerKeys(0x102);
    await published(await set.write({names: volumes(3), under: keys, next}), '--host', 'node-1', '--host', 'node-2');
    await Promise.all([first.start(), second.start()]);
    first.device.nic.set(settingsOf(next));
    await until(async () => /"valid": true/.test((await fleet('status', '--json')).stdout.toString()));
    const made = first.device.nic.show().total.deks;
    const {status, stderr} = await fleet('publish', await set.write({names: volumes(3), under: next}), '--all');
    expect(status).to.equal(7);
    expect(stderr).to.match(/^left out: node-2: its NICs do not take the login/m);
    await until(async () => (await first.generation()) === 2);
    expect(await first.ready()).to.deep.equal(volumes(3));
    expect(first.device.nic.show().total.deks).to.equal(made);
    expect(await second.generation()).to.equal(1);
  });

  it('takes up what a signed release lists, and nothing that is not signed', async () => {
    const key = join(directory, 'release-key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
    const signers = join(directory, 'signers');
    fs.writeFileSync(signers, `ops namespaces="dek-manifest,dek-release" ${fs.readFileSync(`${key}.pub`, 'utf8')}`, {
      mode: 0o600,
    });
    const host = await hostNamed('node-1');
    const only = {hosts: ['node-1']};
    const released = async (count: number): Promise<string> => {
      const path = await set.write({names: volumes(count), under: keys, edition: only});
      const file = `${path}.november`;
      for (const words of [
        ['release', path, '--output', file],
        ['sign', file, '--key', `file:${key}`],
      ]) {
        const {status, stderr} = await runDek(['manifest', ...words]);
        expect(status, stderr).to.equal(0);
      }
      return file;
    };
    await published(await released(2), '--all');
    await host.start({args: ['--allowed-signers', signers]});
    expect(await host.ready()).to.deep.equal(volumes(2));
    await published(await set.write({names: volumes(3), under: keys, edition: only}), '--all');
    await until(async () => /is not signed/.test((await fleet('status')).stdout.toString()));
    expect(await host.generation()).to.equal(1);
    await published(await released(4), '--all');
    await until(async () => (await host.generation()) === 3);
    expect(await host.ready()).to.deep.equal(volumes(4));
  });
});
