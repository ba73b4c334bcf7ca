/** `dek prove --record`: check values that a NIC came to, and later proofs that have to agree with them. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {Proof} from '../../src/agent/proof.js';
import {type ManifestEntry, openManifest} from '../../src/manifest/index.js';
import {dekCheckValue} from '../../src/wrap/dcv/dcv.js';
import {unwrapKey} from '../../src/wrap/index.js';
import {AgentProcess, DEK} from '../support/agent/agent-process.js';
import {writeMarked} from '../support/manifest/marked-manifest.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {until} from '../support/until.js';

describe('dek prove --record', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  let manifest: string;
  let output: string;
  /** What was wrapped, by name. */
  const checkValueOf = ({wrapped}: ManifestEntry): Uint8Array => dekCheckValue(unwrapKey(device.kek, wrapped));

  beforeEach(async () => {
    device = await testDevice({devices: 2});
    manifest = await writeMarked(device, [
      {name: 'vol-1', unmarked: 'dcv'},
      {name: 'vol-2', unmarked: 'dcv'},
      {name: 'vol-3'},
    ]);
    output = join(device.directory, 'recorded.manifest');
    const args = ['--manifest', manifest, '--device', device.nic.devices.join(','), '--check-interval', '1'];
    agent = await AgentProcess.start(device, {args, fastClock: true});
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  const dek = (...args: string[]) => device.run(process.execPath, [DEK, ...args]);
  const prove = (...args: string[]) => dek('prove', ...args, '--socket', agent.socket);
  const verdicts = async (): Promise<string[]> =>
    (await agent.client.proveDeks({all: true})).map(({name, verdict}) => `${name} ${verdict}`);
  async function entriesOf(path: string): Promise<ManifestEntry[]> {
    const entries: ManifestEntry[] = [];
    for await (const entry of (await openManifest(path)).entries) entries.push(entry);
    return entries;
  }

  it('writes the next generation, with the values of the NICs, and leaves the agent its own', async () => {
    const before = fs.readFileSync(manifest);
    const {status, stdout, stderr} = prove('--all', '--record', output);
    expect([status, stderr]).to.deep.equal([0, stderr]);
    expect(stdout).to.include('vol-1  mlx5_0  consistent\n').and.include('vol-3  mlx5_1  ok\n');
    expect(stderr).to.match(
      /^recorded check values of 2 DEKs: generation 2 of manifest [0-9a-f]{32}, issued .*: .*recorded/,
    );
    expect(fs.readFileSync(manifest).equals(before)).to.equal(true);
    expect(fs.statSync(output).mode & 0o777).to.equal(0o600);
    const [old, now] = [await openManifest(manifest), await openManifest(output)];
    expect(now.header.edition).to.deep.include({id: old.header.edition!.id, generation: 2});
    for (const {entries} of [old, now]) await entries.return();
    for (const entry of await entriesOf(output)) expect(entry.dcv, entry.name).to.deep.equal(checkValueOf(entry));
    expect((await entriesOf(output)).map(({dcvHints}) => dcvHints !== undefined)).to.deep.equal([false, false, true]);
  });

  it('has later proofs say consistent, never ok: of this agent, and of one that gets the manifest', async () => {
    prove('--all', '--record', output);
    const consistent = ['vol-1 recorded', 'vol-2 recorded', 'vol-3 ok'];
    expect(await verdicts()).to.deep.equal([...consistent, ...consistent]);
    expect((await agent.client.status()).deks).to.include({proven: 1, wrong: 0});
    const applied = dek('apply', output, '--prove', '--socket', agent.socket);
    expect(applied.status, applied.stderr).to.equal(0);
    expect(await verdicts()).to.deep.equal([...consistent, ...consistent]);
    const started = dek('run', '--device', 'mlx5_0,mlx5_1', '--manifest', output, '--prove', '--', 'echo', 'started');
    expect(started).to.deep.include({status: 0, stdout: 'started\n'});
    expect(prove('vol-1', '--record', `${output}.again`).stderr).to.include('there is no value to record');
  });

  it('keeps what it recorded when a DEK is healed, and finds a NIC that comes to another value', async () => {
    prove('--all', '--record', output);
    device.nic.set({dekErrors: [{which: 'all'}]});
    await until(async () => (await agent.client.status()).heals >= 6);
    expect((await verdicts())[0]).to.equal('vol-1 recorded');
    device.nic.set({tweak: 'reversed'});
    expect((await verdicts())[0]).to.equal('vol-1 tweak-reversed');
  });

  it('finds another key under a value that was recorded', async () => {
    prove('--all', '--record', output);
    const other = await writeMarked(device, [{name: 'vol-1', unmarked: 'dcv'}], {file: 'other'});
    const [line] = fs.readFileSync(other, 'utf8').split('\n').slice(1);
    const wrapped = (JSON.parse(line!) as {wrapped: string; keytagValue: string}).wrapped;
    const {keytagValue} = JSON.parse(line!) as {keytagValue: string};
    const lines = fs.readFileSync(output, 'utf8').split('\n');
    lines[1] = JSON.stringify({...JSON.parse(lines[1]!), keytagValue, wrapped});
    fs.writeFileSync(`${output}.new`, lines.join('\n'));
    const started = dek('run', '--device', 'mlx5_0,mlx5_1', '--manifest', `${output}.new`, '--prove', '--', 'true');
    expect(started.status).to.equal(6);
    expect(started.stderr).to.include('vol-1: wrong: another key: the NIC gives another check value than');
  });

  it('writes nothing when NICs do not agree, or one counts the tweak as no other does', async () => {
    device.nic.set({tweak: 'reversed'}, 'mlx5_1');
    const {status, stdout, stderr} = prove('--all', '--record', output);
    expect(status, stdout).to.equal(6);
    expect(stdout).to.include('vol-1  mlx5_0  consistent\n');
    expect(stdout).to.include('vol-1  mlx5_1  wrong: the tweak is taken in the other byte order');
    expect(stderr).to.include('was not written: a DEK is wrong');
    device.nic.set({tweak: 'inc64'});
    const {stdout: json} = prove('vol-2', '--record', output, '--json');
    expect((JSON.parse(json) as Proof[]).map(({verdict}) => verdict)).to.include('tweak-increment');
    expect(fs.existsSync(output)).to.equal(false);
  });

  it('never writes the file of the agent, nor one that is there, nor of a manifest that has changed', async () => {
    const before = fs.readFileSync(manifest);
    fs.symlinkSync(manifest, `${output}.link`);
    for (const path of [manifest, `${output}.link`]) {
      const own = prove('--all', '--record', path, '--force');
      expect([own.status, own.stdout]).to.deep.equal([2, '']);
      expect(own.stderr).to.include('is the manifest of the agent, which stays as it is');
    }
    fs.writeFileSync(output, 'mine');
    expect(prove('--all', '--record', output).status).to.equal(5);
    expect(fs.readFileSync(output, 'utf8')).to.equal('mine');
    expect(prove('--all', '--record', '-').status).to.equal(2);
    expect(prove('--all', '--force').status).to.equal(2);

    fs.appendFileSync(manifest, fs.readFileSync(manifest, 'utf8').split('\n')[1]!.replace('vol-1', 'vol-9'));
    const changed = prove('--all', '--record', output, '--force');
    expect(changed.status, changed.stderr).to.not.equal(0);
    expect(fs.readFileSync(output, 'utf8')).to.equal('mine');
    fs.writeFileSync(manifest, before);
  });

  it('needs a manifest', async () => {
    const bare = await AgentProcess.start(device, {socket: join(device.directory, 's'), args: ['--device', 'mlx5_0']});
    try {
      const {status, stderr} = dek('prove', '--all', '--record', output, '--socket', bare.socket);
      expect([status, stderr]).to.deep.equal([
        3,
        'error: the agent has applied no manifest that the values could go to\nhint: dek apply MANIFEST\n',
      ]);
    } finally {
      await bare.end();
    }
  });
});
