/** Verdicts of `dek doctor` on libraries, host and NIC, with what causes each, on a virtual ConnectX or elsewhere. */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {Settings} from '../../src/virtual/index.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {markedDeks, writeMarked} from '../support/manifest/marked-manifest.js';
import {testDevice} from '../support/nic/device.js';
import {has} from '../support/nic/release.js';
import {Examiner} from '../support/process/examiner.js';
import {isHere, skipWithout} from '../support/skip.js';
import {OF_HOST} from './halves.js';
import {verdictStage} from './verdict-stage.js';

const OLD_LIBRARY = new URL('../support/nic/old-library.js', import.meta.url).href;

describe('doctor', () => {
  const stage = verdictStage();
  const {place, expectFirst} = stage;

  it('finds nothing to fix on a good NIC', async () => {
    const lines = await stage.onNic.examine({}, {agent: {}});
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
        const env = {...stage.device.nic.environment(), OLD_LIBRARY: release};
        expectFirst(await withLibraries(env, ['--import', OLD_LIBRARY]), ...verdicts);
      });
    }
    it('without the virtual ConnectX that is asked for', async () => {
      expectFirst(await withLibraries({DEK_VIRTUAL: stage.device.directory}), 'virtual-not-loaded');
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
      if (!isHere('provider rxe')) stage.produced.add('not-mlx5');
      skipWithout('provider rxe', this);
      const sysfs = join(place({}), 'sysfs');
      fs.cpSync(join(stage.device.directory, 'sysfs'), sysfs, {recursive: true, verbatimSymlinks: true});
      fs.renameSync(join(sysfs, 'class/infiniband/mlx5_0'), join(sysfs, 'class/infiniband/rxe0'));
      fs.writeFileSync(join(sysfs, 'class/infiniband_verbs/uverbs0/ibdev'), 'rxe0\n');
      for (const file of fs.readdirSync(join(sysfs, 'devices/pci0000:3b'))) {
        fs.rmSync(join(sysfs, 'devices/pci0000:3b', file, 'modalias'));
      }
      const examiner = new Examiner({...stage.device.nic.environment(), SYSFS_PATH: sysfs});
      expectFirst(await examiner.verdicts().finally(() => examiner.end()), 'not-mlx5');
    });
    it('no-such-device', async () => expectFirst(await stage.onNic.verdicts({device: 'mlx5_9'}), 'no-such-device'));
    it('not-listed', async () => {
      expectFirst(await stage.onNic.verdicts({}, {devices: ['LIMIT', 'too many open files']}), 'not-listed');
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
      [['no-login-objects'], {cryptoObjects: false}, {cryptoObjects: true}],
      [['commissioning', 'port-down'], {state: 'commissioning', port: 'down'}, {state: 'operational', port: 'active'}],
    ];
    for (const [verdicts, set, back] of bad) {
      it(verdicts.join(', then '), async () => {
        stage.device.nic.set(set);
        expectFirst(await stage.onNic.verdicts().finally(() => stage.device.nic.set(back)), ...verdicts);
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
        const path = join(stage.device.directory, 'sysfs/class/infiniband/mlx5_0/fw_ver');
        const before = fs.readFileSync(path);
        fs.writeFileSync(path, version);
        expectFirst(await stage.onNic.verdicts().finally(() => fs.writeFileSync(path, before)), verdict);
      });
    }
    it('caps-unknown: the firmware refuses to tell', async () => {
      stage.device.nic.set({faults: [{command: 'caps', times: 'always'}]});
      expectFirst(await stage.onNic.verdicts().finally(() => stage.device.nic.set({faults: []})), 'caps-unknown');
    });
    it('no-engine: of multi-block alone, under a library before rdma-core 44', async () => {
      if (has('multi-block AES-XTS')) {
        // What such a library says; the NIC says what it has.
        expectFirst(await stage.onNic.verdicts({}, {caps: {importMode: 'none', engines: []}}), 'no-engine');
        return;
      }
      stage.device.nic.set({engines: ['multi-block']});
      const back = {engines: ['single-block', 'multi-block']} as const;
      expectFirst(await stage.onNic.verdicts().finally(() => stage.device.nic.set(back)), 'no-engine');
    });
    it('by a real agent: nearly full, and changed since the agent opened it', async () => {
      const other = await testDevice({devices: 2});
      const manifest = await writeMarked(other, markedDeks(['vol-1', 'vol-2']));
      fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('"mlx5_0","mlx5_1"', '"mlx5_0"'));
      other.nic.set({logMaxDeks: 1});
      const agent = await AgentProcess.start(other, {args: ['--manifest', manifest, '--device', 'mlx5_0', '--prove']});
      const examiner = new Examiner(other.nic.environment());
      try {
        const of = async (verdict: string): Promise<(string | null)[]> => {
          const lines = await examiner.examine({socket: agent.socket});
          return lines.filter((line) => line.verdict === verdict).map((line) => line.of);
        };
        expect(await of('nearly-full'), 'the other NIC has none of them').to.deep.equal(['mlx5_0']);
        other.nic.set({importMode: 'plaintext'});
        expect(await of('changed-since-open')).to.deep.equal(['mlx5_0']);
        for (const verdict of ['nearly-full', 'changed-since-open']) stage.produced.add(verdict);
      } finally {
        await Promise.all([agent.end(), examiner.end()]);
        other.remove();
      }
    });
    it('too small for the manifest, whether that or nobody says which NIC it is for', async () => {
      const manifest = await writeMarked(stage.device, markedDeks(['vol-1', 'vol-2', 'vol-3']));
      const unnamed = join(place({}), 'manifest');
      fs.writeFileSync(unnamed, fs.readFileSync(manifest, 'utf8').replace('"device":"mlx5_0",', ''));
      stage.device.nic.set({logMaxDeks: 1});
      try {
        for (const path of [manifest, unnamed]) {
          expectFirst(await stage.onNic.verdicts({manifest: path}), 'too-many-deks');
        }
      } finally {
        stage.device.nic.set({logMaxDeks: 17});
      }
      expect(await stage.onNic.verdicts({manifest})).not.to.include('too-many-deks');
    });
    it('under an old kernel', async () => {
      expectFirst(await stage.onNic.verdicts({kernel: '5.10.0-30-amd64'}), 'kernel-before-5.13');
    });
  });

  it('too little locked memory: of this process, and of the agent', async () => {
    const dek = new URL('../../../bin/dek.cjs', import.meta.url).pathname;
    // root may lock what it likes, as long as it has CAP_IPC_LOCK
    const own = process.getuid?.() === 0 ? 'exec setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock' : 'exec';
    const limited = (command: string) => ['sh', '-c', `ulimit -l 64; ${own} ${command}`];
    const {stdout} = stage.device.run('sh', limited(`"$0" "$1" doctor --json`).slice(1).concat(process.execPath, dek));
    const {lines} = JSON.parse(stdout) as {lines: {verdict: string | null}[]};
    expectFirst(
      lines.flatMap(({verdict}) => verdict ?? []),
      'memlock-low',
    );
    const agent = await AgentProcess.start(stage.device, {prefix: [...limited('"$0" "$@"')]});
    try {
      const verdicts = await stage.onNic.verdicts({socket: agent.socket});
      expect(verdicts).to.deep.equal(['agent-memlock-low', 'login-missing']);
      stage.produced.add('agent-memlock-low');
    } finally {
      await agent.end();
    }
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
    const look = (...files: Parameters<typeof host>) => stage.onNic.verdicts({root: host(...files)}, {agent: {}});
    const bad: [string, string][] = [
      ['unit-no-nic', 'DeviceAllow='],
      ['unit-memlock', 'Environment=DEK_AGENT_OPTIONS=--prove\nLimitMEMLOCK=64K'],
      ['unit-afalg', 'Environment="DEK_AGENT_OPTIONS=--kek afalg:keyring:dek:kek"'],
      ['unit-keyring', 'Environment="DEK_AGENT_OPTIONS=--kek keyring:user:kek"'],
    ];
    for (const [verdict, dropIn] of bad) it(verdict, async () => expectFirst(await look(dropIn), verdict));
    it('unit-no-manifest', async () => {
      expectFirst(await look('', {}), 'unit-no-manifest');
      const named = 'ExecStart=\nExecStart=dek agent --manifest /etc/dek/another';
      expectFirst(await look(named), 'unit-no-manifest');
    });
    it('goes by what the agent is started with, not by what a later drop-in took back', async () => {
      const taken = 'Environment=DEK_AGENT_OPTIONS=--prove\nEnvironment=DEK_AGENT_OPTIONS=\nLimitMEMLOCK=64K';
      expect(await look(taken)).to.deep.equal([]);
    });
    it('with a manifest that is there, and too large to be read whole', async () => {
      const root = host('');
      fs.truncateSync(join(root, 'etc/dek/manifest'), 2 ** 30);
      expect(await stage.onNic.verdicts({root}, {agent: {}})).to.deep.equal([]);
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
    it('in /usr/local/lib too, with drop-ins for all services, or those whose names begin with dek-', async () => {
      const small = '[Service]\nEnvironment=DEK_AGENT_OPTIONS=--prove\nLimitMEMLOCK=64K\n';
      const at = (unit: string, dropIn: string, text = small) =>
        stage.onNic.verdicts(
          {root: place({'sys/class/x': '', 'etc/dek/manifest': '', [unit]: shipped, [dropIn]: text})},
          {agent: {}},
        );
      const local = 'usr/local/lib/systemd/system';
      expect(await at(`${local}/dek-agent.service`, `${local}/dek-agent.service.d/a.conf`)).to.deep.equal([
        'unit-memlock',
      ]);
      expect(await at(`${SYSTEM}/dek-agent.service`, 'etc/systemd/system/dek-.service.d/a.conf')).to.deep.equal([
        'unit-memlock',
      ]);
      expect(await at(`${SYSTEM}/dek-agent.service`, 'run/systemd/system/service.d/a.conf')).to.deep.equal([
        'unit-memlock',
      ]);
      expect(await at(`${SYSTEM}/dek-agent.service`, `${SYSTEM}/dek.service.d/a.conf`)).to.deep.equal([]);
      expect(await at('etc/systemd/system.control/dek-agent.service', `${SYSTEM}/x`)).to.deep.equal([]);
    });
    it('counts nothing twice where /lib is a link to /usr/lib', async () => {
      const root = host('', {'etc/dek/manifest': '', [`${SYSTEM}/dek-agent.service.d/20.conf`]: ''});
      fs.symlinkSync('usr/lib', join(root, 'lib'));
      const lines = await stage.onNic.examine({root}, {agent: {}});
      const seen = lines.filter(({check}) => check === 'unit').map((line) => line.seen.split(', ').length);
      expect(seen).to.deep.equal([3]);
    });
    it('as it is shipped is well, and with the drop-ins that it needs', async () => {
      expect(await look('')).to.deep.equal([]);
      const afalg = 'Environment="DEK_AGENT_OPTIONS=--kek afalg:keyring:dek:kek"\nKeyringMode=shared';
      expect(await look(`${afalg}\nRestrictAddressFamilies=AF_ALG`)).to.deep.equal([]);
    });
  });

  it('has no verdict without a cause here', () => stage.expectAllOf(OF_HOST));
});
