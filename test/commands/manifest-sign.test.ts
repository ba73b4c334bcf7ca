import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {KEY_KINDS, SshKeys} from '../support/keys/ssh-keys.js';
import {ManifestFiles} from '../support/manifest/manifest-files.js';
import {type Run, runDek} from '../support/process/run-dek.js';

describe('dek manifest sign, verify and release', () => {
  const files = new ManifestFiles();
  const keys = new SshKeys(files.directory);
  let manifest: string;
  let allowed: string;
  let [alice, bob, mallory] = ['', '', ''];

  before(async () => {
    [alice, bob, mallory] = [keys.make('alice'), keys.make('bob', KEY_KINDS['p256']), keys.make('mallory')];
    allowed = keys.allow('allowed', ['alice', alice], ['bob', bob]);
    manifest = await files.make('manifest', 3);
  });
  beforeEach(() => fs.rmSync(`${manifest}.sig`, {force: true}));

  const sign = (file: string, key: string): Promise<Run> => runDek(['manifest', 'sign', file, '--key', `file:${key}`]);
  const verify = (file: string, ...more: string[]): Promise<Run> =>
    runDek(['manifest', 'verify', file, '--allowed-signers', allowed, ...more]);

  it('signs for ssh-keygen, and verifies what ssh-keygen has signed', async () => {
    expect((await sign(manifest, alice)).status).to.equal(0);
    expect(keys.isGood(`${manifest}.sig`, 'alice', 'dek-manifest', allowed, manifest)).to.equal(true);
    keys.sign(bob, 'dek-manifest', manifest);
    const {status, stdout} = await verify(manifest, '--json');
    expect(status).to.equal(0);
    const fingerprint = keys.fingerprint(bob);
    expect(JSON.parse(stdout.toString()).signers).to.deep.equal([
      {principal: 'bob', fingerprint, keyType: 'ecdsa-sha2-nistp256'},
    ]);
  });

  for (const first of [[], ['alice']]) {
    it(`keeps what another has signed while it waits for its key: ${first.length} signatures before`, async () => {
      if (first.length > 0) expect((await sign(manifest, alice)).status).to.equal(0);
      const pipe = join(files.directory, `pipe-${first.length}`);
      execFileSync('mkfifo', ['-m', '600', pipe]);
      const waiting = sign(manifest, pipe);
      const writer = await fs.promises.open(pipe, 'w'); // comes back when the signer has opened it
      expect((await sign(manifest, bob)).status).to.equal(0);
      await writer.writeFile(fs.readFileSync(mallory));
      await writer.close();
      const {status, stderr} = await waiting;
      expect([status, stderr]).to.deep.include(0);
      const text = fs.readFileSync(`${manifest}.sig`, 'utf8');
      expect(text.match(/BEGIN SSH SIGNATURE/g)).to.have.length(first.length + 2);
    });
  }

  it('signs nothing when the manifest became another one while it waited for its key', async () => {
    const file = await files.make('changing', 1);
    const pipe = join(files.directory, 'pipe-of-another');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    const waiting = sign(file, pipe);
    const writer = await fs.promises.open(pipe, 'w');
    expect((await runDek(['manifest', 'set', file, '--host', 'node-1'])).status).to.equal(0);
    expect((await sign(file, bob)).status).to.equal(0);
    await writer.writeFile(fs.readFileSync(alice));
    await writer.close();
    const {status, stderr} = await waiting;
    expect([status, stderr]).to.deep.equal([5, `error: ${file} was changed meanwhile\nhint: try again\n`]);
    expect((await verify(file)).stdout.toString()).to.contain('signed by bob');
  });

  it('adds every signature of many who sign at once', async () => {
    const runs = await Promise.all([alice, bob, mallory].map((key) => sign(manifest, key)));
    expect(runs.map(({status, stderr}) => [status, stderr.split('\n')[1]])).to.deep.equal(runs.map(() => [0, '']));
    expect(fs.readFileSync(`${manifest}.sig`, 'utf8').match(/BEGIN SSH SIGNATURE/g)).to.have.length(3);
  });

  it('adds one signature after the other, each key once, and counts them', async () => {
    for (const key of [alice, alice, bob]) expect((await sign(manifest, key)).status).to.equal(0);
    expect(fs.readFileSync(`${manifest}.sig`, 'latin1').match(/BEGIN/g)).to.have.length(2);
    const {status, stdout} = await verify(manifest, '--threshold', '2');
    expect(status).to.equal(0);
    expect(stdout.toString()).to.match(
      /^signed by alice .*\nsigned by bob .*\nok: generation 1 of manifest [0-9a-f]{32},/,
    );
  });

  it('drops signatures of an earlier content, and says so', async () => {
    await sign(manifest, alice);
    expect((await runDek(['manifest', 'set', manifest, '--host', 'node-1'])).status).to.equal(0);
    expect((await verify(manifest)).stderr).to.contain('is of something else than the manifest');
    const {stderr} = await sign(manifest, bob);
    expect(stderr).to.contain('dropped 1 of an earlier content');
    expect((await verify(manifest)).stdout.toString()).to.match(/^signed by bob/);
  });

  it('exits with 6 where it is not signed, by a stranger, or by too few', async () => {
    expect(await verify(manifest)).to.include({status: 6});
    await sign(manifest, mallory);
    const {status, stderr} = await verify(manifest);
    expect(status).to.equal(6);
    expect(stderr).to.contain(`${keys.fingerprint(mallory)} is no allowed signer`);
    await sign(manifest, bob);
    expect(await verify(manifest, '--threshold', '2')).to.include({status: 6});
    expect(await verify(manifest, '--threshold', '3')).to.include({status: 2}); // there are two keys
  });

  it('exits with 8 for another host, and past the end', async () => {
    const path = await files.make('dated', 1);
    const set = ['manifest', 'set', path, '--host', 'node-1', '--not-after', '2026-01-01'];
    expect((await runDek(set)).status).to.equal(0);
    await sign(path, alice);
    expect(await verify(path, '--host', 'node-2')).to.include({status: 8});
    expect((await verify(path, '--host', 'node-1')).stderr).to.contain('that is over');
  });

  it('releases a fleet with a way back, under one signature', async () => {
    const older = await files.make('fleet', 2);
    const fleet = files.path('fleet-2');
    fs.copyFileSync(older, fleet);
    expect((await runDek(['manifest', 'set', fleet, '--host', 'node-1'])).status).to.equal(0);
    const release = files.path('release');
    const args = ['manifest', 'release', manifest, fleet, '--fallback', older, '--output', release];
    const made = await runDek([...args, '--json']);
    expect(made.status).to.equal(0);
    const {manifests} = JSON.parse(made.stdout.toString()) as {manifests: {file: string; fallback: boolean}[]};
    expect(manifests.map(({file, fallback}) => [file, fallback])).to.deep.equal([
      [manifest, false],
      [fleet, false],
      [older, true],
    ]);
    expect((await sign(release, alice)).status).to.equal(0);
    expect(keys.isGood(`${release}.sig`, 'alice', 'dek-release', allowed, release)).to.equal(true);
    expect((await verify(release)).stdout.toString()).to.contain('ok: a release of 3 manifests');
    for (const file of [manifest, fleet, older])
      expect(await verify(file, '--release', release)).to.include({status: 0});
    const stranger = await files.make('stranger', 1);
    expect(await verify(stranger, '--release', release)).to.include({status: 8});
    expect((await runDek(args)).status).to.equal(5); // it exists
    expect((await runDek([...args.slice(0, 4), older, '--output', 'x'])).stderr).to.contain(
      'generations of one manifest',
    );
  });

  it('names what cannot be signed or released', async () => {
    const old = await files.make('old', 1, '--manifest-version', '1');
    expect((await sign(old, alice)).stderr).to.contain('is of version 1, which has no generation');
    const release = ['manifest', 'release', old, '--output', files.path('none')];
    expect((await runDek(release)).stderr).to.contain(`${old} is of version 1`);
    const cut = files.path('cut');
    fs.writeFileSync(cut, fs.readFileSync(manifest).subarray(0, -5));
    expect((await sign(cut, alice)).stderr).to.contain('ends without a line feed');
    expect(fs.existsSync(`${cut}.sig`)).to.equal(false);
    expect((await sign(manifest, `${alice}.pub`)).stderr).to.contain('is open to others');
  });

  describe('through ssh-agent', () => {
    const env = {SSH_AUTH_SOCK: ''};
    let pid = 0;
    before(() => {
      env.SSH_AUTH_SOCK = join(files.directory, 'agent.sock');
      const text = execFileSync('ssh-agent', ['-a', env.SSH_AUTH_SOCK, '-s'], {encoding: 'latin1'});
      pid = Number(/SSH_AGENT_PID=(\d+)/.exec(text)![1]);
    });
    after(() => process.kill(pid));
    const add = (key: string): Buffer =>
      execFileSync('ssh-add', ['-q', key], {env: {...process.env, ...env}, stdio: 'pipe'});
    const byAgent = (key: string): Promise<Run> => runDek(['manifest', 'sign', manifest, '--key', key], {env});

    it('signs with the only key, or with the one that is named, of each type', async () => {
      expect(await byAgent('ssh-agent')).to.include({status: 3});
      add(bob);
      expect(await byAgent('ssh-agent')).to.include({status: 0});
      expect((await verify(manifest)).stdout.toString()).to.match(/^signed by bob/);
      const rsa = keys.make('rsa', KEY_KINDS['rsa']);
      add(rsa);
      const {status, stderr} = await byAgent('ssh-agent');
      expect(status).to.equal(2);
      expect(stderr).to.contain(`ssh-agent has 2 keys: ${keys.fingerprint(bob)} bob@test; ${keys.fingerprint(rsa)}`);
      expect(await byAgent(`ssh-agent:${keys.fingerprint(rsa)}`)).to.include({status: 0});
      const signer = keys.allow('rsa.allowed', ['carol', rsa]);
      expect(await runDek(['manifest', 'verify', manifest, '--allowed-signers', signer])).to.include({status: 0});
      expect(await byAgent('ssh-agent:SHA256:none')).to.include({status: 3});
    });

    it('says what is missing without an agent', async () => {
      const none = await runDek(['manifest', 'sign', manifest, '--key', 'ssh-agent'], {env: {SSH_AUTH_SOCK: ''}});
      expect(none.stderr).to.contain('$SSH_AUTH_SOCK is not set');
      const gone = {env: {SSH_AUTH_SOCK: files.path('nobody')}};
      expect(await runDek(['manifest', 'sign', manifest, '--key', 'ssh-agent'], gone)).to.include({status: 3});
    });
  });
});
