import fs from 'node:fs';
import {expect} from 'chai';
import type {ReadEntry} from '../../src/audit/entry.js';
import {untilHealed} from '../support/agent/agent-log.js';
import {apply, vols} from '../support/agent/agent-manifests.js';
import {AgentProcess, DEK} from '../support/agent/agent-process.js';
import {Journal} from '../support/agent/journal.js';
import {markedDeks, writeMarked} from '../support/manifest/marked-manifest.js';
import {SignedManifests} from '../support/manifest/signed-manifests.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {type Run, run} from '../support/process/run-dek.js';
import {skipWithout} from '../support/skip.js';
import {until} from '../support/until.js';

describe('the audit', () => {
  let journal: Journal | undefined;
  let device: TestDevice;
  let agent: AgentProcess | undefined;

  before(async function () {
    skipWithout('mounts', this, Journal.isPossible);
    journal = await Journal.start();
  });
  after(() => journal?.stop());
  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(async () => {
    await agent?.end();
    agent = undefined;
    device.remove();
  });

  const dek = (...args: string[]): Promise<Run> => {
    const [file, ...prefix] = journal!.prefix;
    return run(file!, [...prefix, process.execPath, DEK, ...args], {});
  };
  const start = async (...args: string[]): Promise<AgentProcess> => {
    agent = await AgentProcess.start(device, {prefix: journal!.prefix, args, fastClock: true});
    return agent;
  };
  /** The entries of the agent's process, once there are so many: journald writes them a little later. */
  const entries = async (count: number, ...more: string[]): Promise<ReadEntry[]> => {
    let found: ReadEntry[] = [];
    await until(
      async () => {
        const {status, stdout, stderr} = await dek('events', '--since', '-1h', '--json', ...more);
        if (status !== 0) throw new Error(stderr);
        const writer = agent!.child.pid;
        found = (JSON.parse(stdout.toString()) as ReadEntry[]).filter(({writer: {pid}}) => pid === writer);
        return found.length >= count;
      },
      () => `${count} entries, of ${JSON.stringify(found)}`,
    );
    return found;
  };
  const own = {uid: process.getuid!(), pid: process.pid};

  it('tells what was created, replaced, proven and healed, for whom, with check values', async () => {
    const manifest = await writeMarked(device, markedDeks(['a', 'b']));
    const running = await start('--manifest', manifest, '--check-interval', '1');
    const [created] = await entries(1);
    const lines = fs.readFileSync(manifest, 'latin1').split('\n').slice(1, -1);
    const dcvs = lines.map((line) => JSON.parse(line) as {name: string; dcv: string});
    expect(created).to.deep.include({kind: 'create', result: 'ok', device: 'mlx5_0', generation: 1, uid: own.uid});
    expect(created!.pid).to.equal(running.child.pid); // nobody asked
    expect(created!.deks).to.deep.equal(dcvs.map(({name, dcv}) => ({name, dcv})));

    await running.client.proveDeks({all: true});
    device.nic.set({dekErrors: [{which: 'all'}]});
    const heals = await untilHealed(running, 2);
    const found = await entries(2 + heals.length);
    expect(found.find(({kind}) => kind === 'prove')).to.deep.include({result: 'ok', ...own});
    const healed = found.filter(({kind}) => kind === 'heal');
    for (const entry of healed) expect(entry).to.deep.include({result: 'ok', pid: running.child.pid, generation: 1});
    expect(healed.flatMap(({deks}) => deks.map(({name}) => name))).to.have.members(['a', 'b']);
  });

  it('tells who created a DEK, and what was refused', async () => {
    const running = await start();
    await running.login();
    await running.create('one');
    await running.create('one').catch(() => {});
    const found = await entries(2, '--name', 'one');
    expect(found.map(({result}) => result)).to.deep.equal(['ok', 'EXISTS']);
    for (const entry of found) expect(entry).to.include({kind: 'create', ...own});
    const text = (await dek('events', '--name', 'one', '--kind', 'create,refuse')).stdout.toString();
    expect(text).to.match(new RegExp(`create of one on mlx5_0: ok, for user ${own.uid}, process ${own.pid}\n`));
  });

  it('tells of manifests that were signed, replaced DEKs and refused', async () => {
    const manifests = new SignedManifests(device);
    const running = await start(...manifests.args, '--manifest', manifests.write(vols(1, 2)));
    await apply(running, manifests.write(vols(1, 2, 2), {edition: {generation: 2}}));
    const stranger = manifests.write(vols(1, 3), {edition: {generation: 3}, by: [manifests.stranger], file: 'other'});
    await apply(running, stranger).catch(() => {});
    const [created, replaced, refused] = await entries(3);
    expect(created).to.include({kind: 'create', generation: 1});
    expect(replaced).to.deep.include({kind: 'replace', generation: 2, ...own});
    expect(refused).to.deep.include({kind: 'refuse', result: 'UNSIGNED'});
    expect(refused!.detail).to.contain(`${stranger}: the manifest is signed by no allowed signer`);
  });

  it('has an entry of each signature, and none of what is secret', async () => {
    const manifest = await writeMarked(device, markedDeks(['a']));
    const key = `${device.directory}/key`;
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key], {});
    expect((await dek('manifest', 'sign', manifest, '--key', `file:${key}`)).status).to.equal(0);
    const fingerprint = (await run('ssh-keygen', ['-l', '-f', key], {})).stdout.toString().split(' ')[1];
    await until(async () => {
      const {stdout} = await dek('events', '--kind', 'sign', '--json');
      return (JSON.parse(stdout.toString()) as ReadEntry[]).some(
        (one) => one.detail === fingerprint && one.generation === 1,
      );
    }, 'the signature');
    const [file, ...prefix] = journal!.prefix;
    const all = (await run(file!, [...prefix, 'journalctl', '-o', 'export', '--all'], {})).stdout;
    expect(all.includes(Buffer.from(device.kek)), 'the KEK').to.equal(false);
    const secret = fs.readFileSync(key, 'latin1').split('\n')[2]!;
    expect(all.includes(secret), 'the private key').to.equal(false);
  });

  it('keeps no agent from its work or its end when journald stands still', async () => {
    const running = await start();
    await running.login();
    await running.create('one');
    journal!.halt();
    try {
      await until(
        async () => {
          // One entry each, until journald's queue is full and the agent has waited for it.
          for (let i = 0; i < 50; i++) await running.create('one').catch(() => {});
          return running.log.includes('"event":"audit-failed"');
        },
        () => running.log,
      );
      await running.create('two');
      expect(await running.end()).to.equal(0);
    } finally {
      journal!.goOn();
    }
  });

  it('keeps no signature from its file, and no command from its end, when journald stands still', async () => {
    const manifest = await writeMarked(device, markedDeks(['a']));
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${device.directory}/key`], {});
    const [file, ...prefix] = journal!.prefix;
    const fill = `import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK); s.connect('/run/systemd/journal/socket')
try:
    while True: s.send(b'MESSAGE=full\\n')
except BlockingIOError: pass`;
    journal!.halt();
    try {
      expect((await run(file!, [...prefix, '/usr/bin/python3', '-c', fill], {})).status).to.equal(0);
      const signed = await dek('manifest', 'sign', manifest, '--key', `file:${device.directory}/key`);
      expect(signed.status, signed.stderr).to.equal(1);
      expect(signed.stderr).to.match(/^signed generation 1 .*\nerror: the journal /);
      expect(fs.existsSync(`${manifest}.sig`)).to.equal(true);
    } finally {
      journal!.goOn();
    }
  });

  it('says what is no time, no kind and no name', async () => {
    expect((await dek('events', '--since', 'noon-ish')).stderr).to.contain('--since expected a time, got "noon-ish"');
    expect(await dek('events', '--kind', 'delete')).to.include({status: 2});
    expect(await dek('events', '--name', '/etc')).to.include({status: 2});
    expect(await dek('events', '--since', '2026-11-01T00:00:00Z')).to.include({status: 0});
  });
});
