/** Verdicts of `dek doctor` on the agent and what it takes up, with what causes each. */
import fs from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import {PROBE_VERDICTS} from '../../src/doctor/checks/nic/probe.js';
import {readOffered} from '../../src/manifest/acceptance/offer.js';
import {newEdition, writeManifest} from '../../src/manifest/index.js';
import {chunksOf} from '../../src/manifest/read.js';
import {formatRelease, newRelease} from '../../src/manifest/release/release.js';
import type {Settings} from '../../src/virtual/index.js';
import {keyCheckValue} from '../../src/wrap/index.js';
import {vols} from '../support/agent/agent-manifests.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {SshKeys} from '../support/keys/ssh-keys.js';
import {markedDeks, writeMarked} from '../support/manifest/marked-manifest.js';
import {SignedManifests} from '../support/manifest/signed-manifests.js';
import {runDek} from '../support/process/run-dek.js';
import {OF_AGENT} from './halves.js';
import {verdictStage} from './verdict-stage.js';

const UNIT = 'etc/systemd/system/dek-agent.service';
/** A unit whose agent is started with these words. */
const unitOf = (words: string): Record<string, string> => ({
  'sys/class/x': '',
  [UNIT]: `[Service]\nExecStart=dek agent ${words}\n`,
});

describe('doctor, of an agent', () => {
  const stage = verdictStage();
  const {place, expectFirst} = stage;

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
      it(verdict, async () => expectFirst(await stage.onNic.verdicts({manifest: undefined}, {agent}), verdict));
    }

    it('with a socket that is open to all, or none', async () => {
      const socket = join(place({}), 'agent.sock');
      const server = createServer().listen(socket);
      await new Promise((resolve) => server.once('listening', resolve));
      fs.chmodSync(socket, 0o666);
      expectFirst(await stage.onNic.verdicts({socket}, {agent: {}}), 'socket-open');
      server.close();
      const file = join(place({'agent.sock': ''}), 'agent.sock');
      expectFirst(await stage.onNic.verdicts({socket: file}, {agent: {}}), 'socket-no-socket');
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
      const {kek, kekId: importKekId, credentialId, wrappedCredential: credential} = stage.device;
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
      it(verdict, async () =>
        expectFirst(await stage.onNic.verdicts({manifest: await write(more)}, {agent: {}}), verdict),
      );
    }
    it('manifest-unreadable', async () => {
      const manifest = join(place({manifest: 'no manifest\n'}), 'manifest');
      expectFirst(await stage.onNic.verdicts({manifest}, {agent: {}}), 'manifest-unreadable');
    });
    it('manifest-world-writable', async () => {
      const manifest = await write({});
      fs.chmodSync(manifest, 0o666);
      expectFirst(await stage.onNic.verdicts({manifest}, {agent: {}}), 'manifest-world-writable');
    });
    it('manifest-not-applied', async () => {
      const path = await write({});
      const agent = {manifest: {path, digest: '00'.repeat(32), appliedAt: 'then', failed: 0}};
      expectFirst(await stage.onNic.verdicts({}, {agent}), 'manifest-not-applied');
    });
    it('manifest-unsigned, and well when it is signed', async () => {
      const manifest = await write({});
      const keys = new SshKeys(place({}));
      const key = keys.make('alice');
      const allowedSigners = keys.allow('allowed', ['alice', key]);
      const look = () => stage.onNic.verdicts({manifest, allowedSigners}, {agent: {}});
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
        return stage.onNic.verdicts({manifest, allowedSigners}, {agent: {}});
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
      expectFirst(
        await stage.onNic.verdicts({manifest, allowedSigners}, {agent: {}}),
        'signers-unusable',
        'manifest-unsigned',
      );
    });
    it('for the static name of this host, as the agent has it', async () => {
      const manifest = await write({hosts: ['node-7']});
      const look = (name: string) =>
        stage.onNic.verdicts({manifest, root: place({'sys/class/x': '', 'etc/hostname': `${name}\n`})}, {agent: {}});
      expect(await look('node-7')).to.deep.equal([]);
      expect(await look('node-8')).to.deep.equal(['manifest-not-for-host']);
    });
    it('manifest-unreadable in a line behind the first', async () => {
      const manifest = await write({});
      fs.appendFileSync(manifest, 'no DEK\n');
      expectFirst(await stage.onNic.verdicts({manifest}, {agent: {}}), 'manifest-unreadable');
    });
    it('for a NIC that takes plaintext, while nobody names the KEK', async () => {
      const manifest = await writeMarked(stage.device, markedDeks(['vol-1']));
      const look = (options: object) => stage.onNic.verdicts({manifest, ...options}, {agent: {}});
      stage.device.nic.set({importMode: 'plaintext'});
      try {
        expectFirst(await look({}), 'kek-not-named');
        expect(await look({kek: `file:${stage.device.nic.kekFile}`})).to.deep.equal([]);
        expect(await look({root: place(unitOf('--kek cred:kek'))})).not.to.include('kek-not-named');
      } finally {
        stage.device.nic.set({importMode: 'wrapped'});
      }
      expect(await look({})).to.deep.equal([]);
    });
    it('and a source of its KEK', async () => {
      const manifest = await write({});
      const source = (bytes: Uint8Array): string => {
        const path = join(place({kek: ''}), 'kek');
        fs.writeFileSync(path, bytes);
        fs.chmodSync(path, 0o600);
        return `file:${path}`;
      };
      const look = (kek: string) => stage.onNic.verdicts({manifest, kek}, {agent: {}});
      expectFirst(await look('file:/nowhere'), 'source-failed');
      expectFirst(await look(source(new Uint8Array(32).fill(7))), 'kek-differs');
      expectFirst(await look(source(new Uint8Array(32))), 'kek-public');
      expectFirst(await look(source(new Uint8Array(16))), 'kek-public');
      expect(await look(source(stage.device.kek))).to.deep.equal([]);
    });
  });

  describe('the gate', () => {
    const look = (words: string) => stage.onNic.verdicts({root: place(unitOf(words))}, {agent: {}});
    it('signers-unusable: not there, not to be read, open to others', async () => {
      expectFirst(await look('--allowed-signers /nowhere'), 'signers-unusable');
      const file = join(place({signers: 'no signers\n'}), 'signers');
      expectFirst(await look(`--allowed-signers=${file}`), 'signers-unusable');
      const keys = new SshKeys(place({}));
      const allowed = keys.allow('allowed', ['alice', keys.make('alice')]);
      expect(await look(`--allowed-signers ${allowed}`)).to.deep.equal([]);
      fs.chmodSync(allowed, 0o666);
      expectFirst(await look(`--allowed-signers ${allowed}`), 'signers-unusable');
    });
    it('threshold-too-high', async () => {
      const keys = new SshKeys(place({}));
      const allowed = keys.allow('allowed', ['alice', keys.make('alice')]);
      expectFirst(await look(`--threshold 2 --allowed-signers ${allowed}`), 'threshold-too-high');
    });
    it('is not what dek run starts another command with', async () => {
      expect(await look('--threshold 1 -- another --allowed-signers /nowhere')).to.deep.equal([]);
    });
    it('not-gated: a fleet whose store decides', async () => {
      const verdicts = await look('--manifest etcd://127.0.0.1:1/dek?ca=/nowhere&user=x&password=file:/nowhere');
      expectFirst(verdicts, 'not-gated');
    });
  });

  describe('the rollback index', () => {
    it('index-unreadable, index-empty, index-other, index-ahead, index-differs; and well', async () => {
      const folder = place({});
      const index = join(folder, 'index');
      const manifests = new SignedManifests(stage.device);
      const look = (manifest: string) =>
        stage.onNic.verdicts(
          {manifest, root: place(unitOf(`--rollback-index file:${index} --host node-1`))},
          {agent: {}},
        );
      const enroll = async (path: string, ...more: string[]): Promise<void> => {
        const {status, stderr} = await runDek([
          ...['rollback-index', 'enroll', `file:${index}`, path],
          ...[...manifests.args, ...more],
        ]);
        expect(status, stderr).to.equal(0);
      };
      const first = manifests.write(vols(1, 1));
      expectFirst(await look(first), 'index-empty');
      await enroll(first);
      expect(await look(first)).to.deep.equal([]);
      const second = manifests.write(vols(1, 2), {edition: {generation: 2}});
      expect(await look(second), 'it is newer').to.deep.equal([]);
      await enroll(second);
      expectFirst(await look(manifests.write(vols(1, 1))), 'index-ahead');
      expectFirst(await look(manifests.write(vols(1, 3), {edition: {generation: 2}})), 'index-differs');
      expectFirst(await look(await writeMarked(stage.device, [])), 'index-other');
      fs.writeFileSync(index, 'no index');
      expectFirst(await look(second), 'index-unreadable');
    });
    it('of an agent that runs: by what it was started with, whatever the unit says', async () => {
      const manifests = new SignedManifests(stage.device);
      const path = manifests.write(vols(1, 1));
      const index = `file:${join(stage.device.directory, 'of-the-agent')}`;
      await runDek(['rollback-index', 'enroll', index, path, ...manifests.args]);
      const args = [...manifests.args, '--rollback-index', index, '--manifest', path];
      const agent = await AgentProcess.start(stage.device, {args});
      try {
        const root = place(unitOf('--rollback-index file:/nowhere'));
        const lines = await stage.onNic.examine({socket: agent.socket, root});
        const seen = lines.filter(({check}) => check === 'rollback' || check === 'gate').map(({verdict}) => verdict);
        expect(seen).to.deep.equal([null, null]);
      } finally {
        await agent.end();
      }
    });
  });

  describe('a probe', () => {
    const probe = async (deks: Parameters<typeof writeMarked>[1], set: Settings = {}, back: Settings = {}) => {
      const path = await writeMarked(stage.device, deks);
      stage.device.nic.set(set);
      return stage.onNic.verdicts({}, {agent: {}, probe: path}).finally(() => stage.device.nic.set(back));
    };
    const fault = (object: 'login' | 'dek') => ({faults: [{command: 'create', object, times: 'always'}]}) as const;

    it('that goes well leaves nothing behind', async () => {
      expect(await probe(markedDeks(['vol-1']))).to.deep.equal([]);
      expect(stage.device.nic.show().live).to.include({contexts: 0, logins: 0, deks: 0, qps: 0});
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
    it('probe-tweak: a NIC with AES_XTS_TWEAK_INC_64', async () => {
      expectFirst(await probe(markedDeks(['vol-1']), {tweak: 'inc64'}, {tweak: 'ieee-1619'}), 'probe-tweak');
    });
    it('probe-policy: a NIC with CRYPTO_POLICY of FIPS, as far as a KEK is there to tell', async () => {
      const equal = [
        {name: 'vol-1', alter: (p: Buffer) => Buffer.concat([p.subarray(0, 32), p.subarray(0, 32), p.subarray(64)])},
      ];
      const path = await writeMarked(stage.device, equal);
      stage.device.nic.set({policy: 'fips'});
      const look = (kek?: string) => stage.onNic.verdicts({kek, manifest: path}, {agent: {}, probe: path});
      try {
        expect(await look()).to.deep.equal(['probe-dek-refused']);
        expectFirst(await look(`file:${stage.device.nic.kekFile}`), 'probe-policy');
      } finally {
        stage.device.nic.set({policy: 'default'});
      }
    });
    it('probe-not-proven', async () => {
      expectFirst(await probe([{name: 'vol-1', unmarked: true}]), 'probe-not-proven');
    });
  });

  it('has no verdict without a cause here', () => stage.expectAllOf([...OF_AGENT, {verdicts: PROBE_VERDICTS}]));
});
