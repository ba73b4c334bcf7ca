/** Every verdict of `dek doctor`, with what causes it: on a virtual ConnectX, or in a doctored environment. */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import {PROBE_VERDICTS} from '../../src/doctor/checks/probe.js';
import {CHECKS} from '../../src/doctor/table.js';
import {readOffered} from '../../src/manifest/acceptance/offer.js';
import {newEdition, writeManifest} from '../../src/manifest/index.js';
import {chunksOf} from '../../src/manifest/read.js';
import {formatRelease, newRelease} from '../../src/manifest/release/release.js';
import type {Settings} from '../../src/virtual/index.js';
import {keyCheckValue} from '../../src/wrap/index.js';
import {type TestDevice, testDevice} from '../support/device.js';
import {Examiner, type Stage} from '../support/examiner.js';
import {markedDeks, writeMarked} from '../support/marked-manifest.js';
import {has} from '../support/release.js';
import {isHere, skipWithout} from '../support/skip.js';
import {SshKeys} from '../support/ssh-keys.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const OLD_LIBRARY = new URL('../support/old-library.js', import.meta.url).href;

describe('doctor', function () {
  this.timeout(60_000);
  const produced = new Set<string>();
  let device: TestDevice;
  let onNic: Examiner;
  let folder: string;
  let fileCount = 0;

  before(async () => {
    device = await testDevice();
    onNic = new Examiner(device.nic.environment());
    folder = temporaryDirectory();
  });
  after(async () => {
    await onNic?.end();
    device?.remove();
    fs.rmSync(folder, {recursive: true, force: true});
  });

  /** A new folder with these files, by their paths. */
  function place(files: Readonly<Record<string, string>>): string {
    const root = join(folder, `${fileCount++}`);
    fs.mkdirSync(root);
    for (const [path, text] of Object.entries(files)) {
      fs.mkdirSync(join(root, path, '..'), {recursive: true});
      fs.writeFileSync(join(root, path), text);
    }
    return root;
  }

  /** These are the first verdicts, but for those of an agent that is not there. */
  function expectFirst(verdicts: readonly string[], ...wanted: string[]): void {
    for (const verdict of wanted) produced.add(verdict);
    const others = verdicts.filter((verdict) => verdict !== 'agent-none' || wanted.includes(verdict));
    expect(others.slice(0, wanted.length)).to.deep.equal(wanted);
  }

  it('finds nothing to fix on a good NIC', async () => {
    const lines = await onNic.examine({}, {agent: {}});
    expect(lines.filter(({level}) => level !== 'ok')).to.deep.equal([]);
    expect(lines.map(({check}) => check)).to.include.members(['libraries', 'devices', 'crypto', 'data path', 'memory']);
  });

  describe('the libraries', () => {
    const withLibraries = async (env: NodeJS.ProcessEnv, execArgv: string[] = []): Promise<string[]> => {
      const examiner = new Examiner(env, execArgv);
      return examiner.verdicts().finally(() => examiner.end());
    };
    const compiled = (name: string, source: string, ...options: string[]): string => {
      const root = place({'a.c': source});
      const args = ['-shared', `-Wl,-soname,${name}`, ...options, '-o', join(root, name), join(root, 'a.c')];
      execFileSync('cc', args);
      return root;
    };

    it('missing', async () => {
      expectFirst(await withLibraries({LD_LIBRARY_PATH: place({'libmlx5.so.1': ''})}), 'libraries-missing');
    });
    it('of different releases', async () => {
      const map = join(place({map: 'IBVERBS_PRIVATE_1 { other; };\n'}), 'map');
      const root = compiled('libibverbs.so.1', 'int other;', `-Wl,--version-script=${map}`);
      expectFirst(await withLibraries({LD_LIBRARY_PATH: root}), 'libraries-mixed');
    });
    it('without crypto', async () => {
      expectFirst(await withLibraries({LD_LIBRARY_PATH: compiled('libmlx5.so.1', 'int none;')}), 'libraries-old');
    });
    for (const [release, ...verdicts] of [
      ['39.0', 'libraries-without-reasons'],
      ['41.0', 'libraries-without-objects', 'old-tweak'],
    ] as const) {
      it(`of rdma-core ${release}`, async () => {
        const env = {...device.nic.environment(), OLD_LIBRARY: release};
        expectFirst(await withLibraries(env, ['--import', OLD_LIBRARY]), ...verdicts);
      });
    }
    it('without the virtual ConnectX that is asked for', async () => {
      expectFirst(await withLibraries({DEK_VIRTUAL: device.directory}), 'virtual-not-loaded');
    });
  });

  describe('devices', () => {
    const card = {'sys/bus/pci/devices/0000:3b:00.0/vendor': '0x15b3\n'};
    const modules = ['mlx5_core', 'mlx5_ib', 'ib_uverbs'];
    const loaded = (count: number) =>
      Object.fromEntries(modules.slice(0, count).map((name) => [`sys/module/${name}/refcnt`, '0']));
    const hosts: [string, Record<string, string>][] = [
      ['no-sysfs', {}],
      ['no-nic', {'sys/bus/pci/devices/0000:00:01.0/vendor': '0x8086\n'}],
      ['no-mlx5-core', card],
      ['no-mlx5-ib', {...card, ...loaded(1)}],
      ['no-uverbs', {...card, ...loaded(2)}],
      ['nic-hidden', {...card, ...loaded(3)}],
    ];
    for (const [verdict, files] of hosts) {
      it(verdict, async () => {
        const examiner = new Examiner({SYSFS_PATH: place({})});
        expectFirst(await examiner.verdicts({root: place(files)}).finally(() => examiner.end()), verdict);
      });
    }
    it('not-mlx5', async function () {
      if (!isHere('provider rxe')) produced.add('not-mlx5');
      skipWithout('provider rxe', this);
      const sysfs = join(place({}), 'sysfs');
      fs.cpSync(join(device.directory, 'sysfs'), sysfs, {recursive: true, verbatimSymlinks: true});
      fs.renameSync(join(sysfs, 'class/infiniband/mlx5_0'), join(sysfs, 'class/infiniband/rxe0'));
      fs.writeFileSync(join(sysfs, 'class/infiniband_verbs/uverbs0/ibdev'), 'rxe0\n');
      for (const file of fs.readdirSync(join(sysfs, 'devices/pci0000:3b'))) {
        fs.rmSync(join(sysfs, 'devices/pci0000:3b', file, 'modalias'));
      }
      const examiner = new Examiner({...device.nic.environment(), SYSFS_PATH: sysfs});
      expectFirst(await examiner.verdicts().finally(() => examiner.end()), 'not-mlx5');
    });
    it('no-such-device', async () => expectFirst(await onNic.verdicts({device: 'mlx5_9'}), 'no-such-device'));
    it('not-listed', async () => {
      expectFirst(await onNic.verdicts({}, {devices: ['LIMIT', 'too many open files']}), 'not-listed');
    });
  });

  describe('a NIC', () => {
    const bad: [string[], Settings, Settings][] = [
      [['node-denied'], {openErrno: 13}, {openErrno: 0}],
      [['no-node'], {openErrno: 2}, {openErrno: 0}],
      [['no-devx'], {openErrno: 95}, {openErrno: 0}],
      [['open-failed'], {openErrno: 24}, {openErrno: 0}],
      [['device-gone'], {gone: true}, {gone: false}],
      [['no-fwctl'], {fwctl: false}, {fwctl: true}],
      [['selftests-failed'], {failedSelftests: 5}, {failedSelftests: 0}],
      [['crypto-off'], {engines: []}, {engines: ['single-block', 'multi-block']}],
      [['commissioning'], {state: 'commissioning'}, {state: 'operational'}],
      [['going-to-commissioning'], {state: 'going-to-commissioning'}, {state: 'operational'}],
      [['port-down'], {port: 'down'}, {port: 'active'}],
      [['no-address'], {gid: false}, {gid: true}],
      [['no-loopback'], {loopback: false}, {loopback: true}],
      [['commissioning', 'port-down'], {state: 'commissioning', port: 'down'}, {state: 'operational', port: 'active'}],
    ];
    for (const [verdicts, set, back] of bad) {
      it(verdicts.join(', then '), async () => {
        device.nic.set(set);
        expectFirst(await onNic.verdicts().finally(() => device.nic.set(back)), ...verdicts);
      });
    }
    it('without keys of the officer', async () => {
      const other = await testDevice();
      const examiner = new Examiner(other.nic.environment());
      other.nic.set({revokeKeks: [other.kekId]});
      const verdicts = await examiner.verdicts().finally(() => examiner.end());
      other.remove();
      expectFirst(verdicts, 'no-keks');
    });
    for (const [verdict, version] of [
      ['firmware-old', '22.31.0999'],
      ['firmware-unknown', 'a test'],
    ] as const) {
      it(verdict, async () => {
        const path = join(device.directory, 'sysfs/class/infiniband/mlx5_0/fw_ver');
        const before = fs.readFileSync(path);
        fs.writeFileSync(path, version);
        expectFirst(await onNic.verdicts().finally(() => fs.writeFileSync(path, before)), verdict);
      });
    }
    const stages: [string, Stage][] = [
      ['caps-unknown', {caps: {importMode: 'unknown', engines: []}}],
      ['no-engine', {caps: {importMode: 'none', engines: []}}],
      ['no-login-objects', {hca: {logins: false}}],
      ['nearly-full', {caps: {maxDeks: 100}, agent: {deks: {total: 90, ready: 90, proven: 90, wrong: 0}}}],
      ['changed-since-open', {agent: {devices: [{name: 'mlx5_0', importMode: 'plaintext', gone: false, login: null}]}}],
    ];
    for (const [verdict, stage] of stages) {
      it(verdict, async () => expectFirst(await onNic.verdicts({}, {agent: {}, ...stage}), verdict));
    }
    it('under an old kernel', async () => {
      expectFirst(await onNic.verdicts({kernel: '5.10.0-30-amd64'}), 'kernel-before-5.13');
    });
  });

  it('too little locked memory', () => {
    const dek = new URL('../../../bin/dek.cjs', import.meta.url).pathname;
    const command = `ulimit -l 64; "$0" "$1" doctor --json`;
    const {stdout} = device.run('sh', ['-c', command, process.execPath, dek]);
    const {lines} = JSON.parse(stdout) as {lines: {verdict: string | null}[]};
    expectFirst(
      lines.flatMap(({verdict}) => verdict ?? []),
      'memlock-low',
    );
  });

  describe('the agent', () => {
    const deks = (more: object) => ({deks: {total: 2, ready: 2, error: 0, unknown: 0, proven: 2, wrong: 0, ...more}});
    const nic = (more: object) => ({devices: [{name: 'mlx5_0', importMode: 'wrapped', gone: false, ...more}]});
    const statuses: [string, object | string][] = [
      ['agent-none', 'NO_AGENT'],
      ['agent-denied', 'PERMISSION'],
      ['agent-silent', 'IO'],
      ['agent-starting', {starting: true}],
      ['agent-nic-gone', nic({gone: true, login: null})],
      ['login-missing', nic({login: null})],
      ['login-invalid', nic({login: {state: 'INVALID'}})],
      ['deks-wrong', deks({wrong: 1})],
      ['deks-in-error', deks({ready: 1, error: 1})],
      ['deks-unknown', deks({ready: 1, unknown: 1})],
      ['deks-missing', {manifest: {path: '/nowhere', failed: 1}}],
      ['deks-not-released', {contexts: [{pid: 5, old: 2}]}],
      ['deks-not-proven', deks({proven: 0})],
    ];
    for (const [verdict, agent] of statuses) {
      it(verdict, async () => expectFirst(await onNic.verdicts({manifest: undefined}, {agent}), verdict));
    }

    it('with a socket that is open to all, or none', async () => {
      const socket = join(place({}), 'agent.sock');
      const server = createServer().listen(socket);
      await new Promise((resolve) => server.once('listening', resolve));
      fs.chmodSync(socket, 0o666);
      expectFirst(await onNic.verdicts({socket}, {agent: {}}), 'socket-open');
      server.close();
      const file = join(place({'agent.sock': ''}), 'agent.sock');
      expectFirst(await onNic.verdicts({socket: file}, {agent: {}}), 'socket-no-socket');
    });
  });

  describe('the manifest', () => {
    interface More {
      hosts?: string[];
      notAfter?: string;
      issued?: string;
      login?: null;
      v1?: boolean;
    }
    const write = async (more: More): Promise<string> => {
      const {kek, kekId: importKekId, credentialId, wrappedCredential: credential} = device;
      const login = more.login === null ? null : {importKekId, credentialId, credential};
      const {hosts = [], notAfter = null} = more;
      const fresh = newEdition({hosts, notAfter});
      const edition = more.v1 ? null : {...fresh, issued: more.issued ?? fresh.issued};
      const chunks: Uint8Array[] = [];
      const header = {edition, devices: [], importKekKcv: keyCheckValue(kek), login};
      for await (const chunk of writeManifest(header, [])) chunks.push(chunk);
      const path = join(place({manifest: ''}), 'manifest');
      fs.writeFileSync(path, Buffer.concat(chunks));
      return path;
    };

    const bad: [string, Parameters<typeof write>[0]][] = [
      ['manifest-not-for-host', {hosts: ['another-host']}],
      ['manifest-expired', {notAfter: '2020-01-01T00:00:00Z'}],
      ['manifest-clock', {notAfter: '2090-01-01T00:00:00Z', issued: '2089-01-01T00:00:00Z'}],
      ['manifest-no-login', {login: null}],
      ['manifest-v1', {v1: true}],
    ];
    for (const [verdict, more] of bad) {
      it(verdict, async () => expectFirst(await onNic.verdicts({manifest: await write(more)}, {agent: {}}), verdict));
    }
    it('manifest-unreadable', async () => {
      const manifest = join(place({manifest: 'no manifest\n'}), 'manifest');
      expectFirst(await onNic.verdicts({manifest}, {agent: {}}), 'manifest-unreadable');
    });
    it('manifest-world-writable', async () => {
      const manifest = await write({});
      fs.chmodSync(manifest, 0o666);
      expectFirst(await onNic.verdicts({manifest}, {agent: {}}), 'manifest-world-writable');
    });
    it('manifest-not-applied', async () => {
      const path = await write({});
      const agent = {manifest: {path, digest: '00'.repeat(32), appliedAt: 'then', failed: 0}};
      expectFirst(await onNic.verdicts({}, {agent}), 'manifest-not-applied');
    });
    it('manifest-unsigned, and well when it is signed', async () => {
      const manifest = await write({});
      const keys = new SshKeys(place({}));
      const key = keys.make('alice');
      const allowedSigners = keys.allow('allowed', ['alice', key]);
      const look = () => onNic.verdicts({manifest, allowedSigners}, {agent: {}});
      expectFirst(await look(), 'manifest-unsigned');
      keys.sign(key, 'dek-manifest', manifest);
      expect(await look()).to.deep.equal([]);
    });
    it('well when a release beside it is signed, which lists it, and unsigned when it does not', async () => {
      const manifest = await write({});
      const keys = new SshKeys(place({}));
      const key = keys.make('alice');
      const allowedSigners = keys.allow('allowed', ['alice', key]);
      const {header, digests} = await readOffered(chunksOf(manifest));
      const look = async (digest: Uint8Array): Promise<string[]> => {
        const {id, generation, hosts} = header.edition!;
        const release = newRelease([{id, generation, digest, hosts, fallback: false}]);
        fs.rmSync(`${manifest}.release.sig`, {force: true});
        fs.writeFileSync(`${manifest}.release`, formatRelease(release));
        keys.sign(key, 'dek-release', `${manifest}.release`);
        return onNic.verdicts({manifest, allowedSigners}, {agent: {}});
      };
      expect(await look(digests.sha256)).to.deep.equal([]);
      expect(await look(new Uint8Array(32))).to.deep.equal(['manifest-unsigned']);
    });
    it('by whoever may be named in a file that others can write: unsigned', async () => {
      const manifest = await write({});
      const keys = new SshKeys(place({}));
      const key = keys.make('alice');
      const allowedSigners = keys.allow('allowed', ['alice', key]);
      keys.sign(key, 'dek-manifest', manifest);
      fs.chmodSync(allowedSigners, 0o666);
      expectFirst(await onNic.verdicts({manifest, allowedSigners}, {agent: {}}), 'manifest-unsigned');
    });
    it('for the static name of this host, as the agent has it', async () => {
      const manifest = await write({hosts: ['node-7']});
      const look = (name: string) =>
        onNic.verdicts({manifest, root: place({'sys/class/x': '', 'etc/hostname': `${name}\n`})}, {agent: {}});
      expect(await look('node-7')).to.deep.equal([]);
      expect(await look('node-8')).to.deep.equal(['manifest-not-for-host']);
    });
    it('manifest-unreadable in a line behind the first', async () => {
      const manifest = await write({});
      fs.appendFileSync(manifest, 'no DEK\n');
      expectFirst(await onNic.verdicts({manifest}, {agent: {}}), 'manifest-unreadable');
    });
    it('and a source of its KEK', async () => {
      const manifest = await write({});
      const source = (bytes: Uint8Array): string => {
        const path = join(place({kek: ''}), 'kek');
        fs.writeFileSync(path, bytes);
        fs.chmodSync(path, 0o600);
        return `file:${path}`;
      };
      const look = (kek: string) => onNic.verdicts({manifest, kek}, {agent: {}});
      expectFirst(await look('file:/nowhere'), 'source-failed');
      expectFirst(await look(source(new Uint8Array(32).fill(7))), 'kek-differs');
      expectFirst(await look(source(new Uint8Array(32))), 'kek-public');
      expectFirst(await look(source(new Uint8Array(16))), 'kek-public');
      expect(await look(source(device.kek))).to.deep.equal([]);
    });
  });

  describe('the unit', () => {
    const shipped = fs.readFileSync(new URL('../../../contrib/systemd/dek-agent.service', import.meta.url), 'utf8');
    const SYSTEM = 'usr/lib/systemd/system';
    const host = (dropIn: string, files: Record<string, string> = {'etc/dek/manifest': ''}) =>
      place({
        'sys/class/x': '',
        [`${SYSTEM}/dek-agent.service`]: shipped,
        'etc/systemd/system/dek-agent.service.d/10.conf': `[Service]\n${dropIn}\n`,
        ...files,
      });
    const look = (...files: Parameters<typeof host>) => onNic.verdicts({root: host(...files)}, {agent: {}});
    const bad: [string, string][] = [
      ['unit-no-nic', 'DeviceAllow='],
      ['unit-memlock', 'Environment=DEK_AGENT_OPTIONS=--prove\nLimitMEMLOCK=64K'],
      ['unit-afalg', 'Environment="DEK_AGENT_OPTIONS=--kek afalg:keyring:dek:kek"'],
      ['unit-keyring', 'Environment="DEK_AGENT_OPTIONS=--kek keyring:user:kek"'],
    ];
    for (const [verdict, dropIn] of bad) it(verdict, async () => expectFirst(await look(dropIn), verdict));
    it('unit-no-manifest', async () => expectFirst(await look('', {}), 'unit-no-manifest'));
    it('with a manifest that is there, and too large to be read whole', async () => {
      const root = host('');
      fs.truncateSync(join(root, 'etc/dek/manifest'), 2 ** 30);
      expect(await onNic.verdicts({root}, {agent: {}})).to.deep.equal([]);
    });
    it('takes one drop-in of a name, as systemd does, and all in the order of their names', async () => {
      const small = '[Service]\nEnvironment=DEK_AGENT_OPTIONS=--prove\nLimitMEMLOCK=64K\n';
      const shippedDropIn = (name: string) => ({
        'etc/dek/manifest': '',
        [`${SYSTEM}/dek-agent.service.d/${name}`]: small,
      });
      expect(await look('', shippedDropIn('10.conf'))).to.deep.equal([]);
      expect(await look('LimitMEMLOCK=8M', shippedDropIn('05.conf'))).to.deep.equal([]);
      expect(await look('LimitMEMLOCK=8M', shippedDropIn('20.conf'))).to.deep.equal(['unit-memlock']);
    });
    it('counts nothing twice where /lib is a link to /usr/lib', async () => {
      const root = host('', {'etc/dek/manifest': '', [`${SYSTEM}/dek-agent.service.d/20.conf`]: ''});
      fs.symlinkSync('usr/lib', join(root, 'lib'));
      const lines = await onNic.examine({root}, {agent: {}});
      const seen = lines.filter(({check}) => check === 'unit').map((line) => line.seen.split(', ').length);
      expect(seen).to.deep.equal([3]);
    });
    it('as it is shipped is well, and with the drop-ins that it needs', async () => {
      expect(await look('')).to.deep.equal([]);
      const afalg = 'Environment="DEK_AGENT_OPTIONS=--kek afalg:keyring:dek:kek"\nKeyringMode=shared';
      expect(await look(`${afalg}\nRestrictAddressFamilies=AF_ALG`)).to.deep.equal([]);
    });
  });

  describe('a probe', () => {
    const probe = async (deks: Parameters<typeof writeMarked>[1], set: Settings = {}, back: Settings = {}) => {
      const path = await writeMarked(device, deks);
      device.nic.set(set);
      return onNic.verdicts({}, {agent: {}, probe: path}).finally(() => device.nic.set(back));
    };
    const fault = (object: 'login' | 'dek') => ({faults: [{command: 'create', object, times: 'always'}]}) as const;

    it('that goes well leaves nothing behind', async () => {
      expect(await probe(markedDeks(['vol-1']))).to.deep.equal([]);
      expect(device.nic.show().live).to.include({contexts: 0, logins: 0, deks: 0, qps: 0});
    });
    it('probe-login-refused', async () => {
      expectFirst(await probe(markedDeks(['vol-1']), fault('login'), {faults: []}), 'probe-login-refused');
    });
    it('probe-dek-refused', async () => {
      expectFirst(await probe(markedDeks(['vol-1']), fault('dek'), {faults: []}), 'probe-dek-refused');
    });
    it('probe-dek-error', async () => {
      const set = {dekErrors: [{which: 'all', future: true}]} as const;
      expectFirst(await probe(markedDeks(['vol-1']), set, {dekErrors: []}), 'probe-dek-error');
    });
    for (const wrong of ['halves-swapped', 'wrong-key']) {
      it(`probe-wrong: ${wrong}`, async () => expectFirst(await probe(markedDeks([], [wrong])), 'probe-wrong'));
    }
    it('probe-wrong: a NIC with AES_XTS_TWEAK_INC_64', async () => {
      expectFirst(await probe(markedDeks(['vol-1']), {tweak: 'inc64'}, {tweak: 'ieee-1619'}), 'probe-wrong');
    });
    it('probe-not-proven', async () => {
      expectFirst(await probe([{name: 'vol-1', unmarked: true}]), 'probe-not-proven');
    });
  });

  it('has no verdict without a cause here', function () {
    if (!has('multi-block AES-XTS')) produced.add('no-engine');
    const all = [...CHECKS.map(({verdicts}) => verdicts), PROBE_VERDICTS].flatMap((verdicts) => Object.keys(verdicts));
    expect(new Set(all).size, 'each name is used once').to.equal(all.length);
    const ran = this.test!.parent!.parent === undefined ? true : produced.size > 40;
    if (ran) expect(all.filter((verdict) => !produced.has(verdict))).to.deep.equal([]);
  });
});
