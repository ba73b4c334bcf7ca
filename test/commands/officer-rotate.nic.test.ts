/**
 * `dek officer rotate` from outside: two ports with 10,000 DEKs while an attached service goes on; and rotations that
 * are stopped, killed, refused.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {tryHold} from '../../src/files/lock.js';
import {buildBlockstore, Service} from '../client/stage.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {Card} from '../support/nic/officer.js';
import {DEK} from '../support/process/run-dek.js';

interface Rotated {
  importKekId: number;
  devices: string[];
  steps: {step: string; outcome: string}[];
}

describe('dek officer rotate', () => {
  let card: Card;
  let agent: AgentProcess | undefined;
  let manifest: string;
  let rotate: string[];

  afterEach(async () => {
    await agent?.end('SIGKILL');
    agent = undefined;
    card.remove();
  });

  /** A card with a host on it: an agent that holds so many DEKs of a manifest on both ports. */
  const begin = async (deks: number): Promise<void> => {
    card = await Card.make({devices: 2});
    manifest = join(card.directory, 'fleet.manifest');
    const login = card.officer();
    const keygen = ['keygen', '--count', `${deks}`, '--name', 'vol-%d', '--size', '256', '--keytag', '--kek', card.kek];
    await card.json(...keygen, ...login, '--device', 'mlx5_0,mlx5_1', '--output', manifest);
    agent = await AgentProcess.start(card.device, {
      socket: join(card.directory, 'agent.sock'),
      args: ['--device', 'mlx5_0,mlx5_1', '--manifest', manifest],
    });
    const to = card.secret('kek-2', 32).source;
    rotate = ['officer', 'rotate', manifest, '--from', card.kek, '--to', to, ...login.slice(0, 4)];
  };
  const made = (): number[] => ['mlx5_0', 'mlx5_1'].map((name) => card.device.nic.show(name).total.deks);
  const keks = (): number[][] =>
    ['mlx5_0', 'mlx5_1'].map((name) => card.device.nic.show(name).importKeks.map(({id}) => id));
  const outcomes = ({steps}: Rotated): string => steps.map(({outcome}) => outcome).join(' ');

  it('goes on under the data of a service, with 10,000 DEKs on two ports, none of them made anew', async () => {
    await begin(10_000);
    const store = join(card.directory, 'store');
    const args = ['--attach', '--socket', agent!.socket, '--nic', 'mlx5_0', '--seconds', '150', '--blocks', '2048'];
    const program = buildBlockstore(card.directory);
    const service = new Service(card.device.spawn(program, [...args, store, 'vol-1', 'vol-2']), 2048, store);
    await service.ready();
    const before = made();
    const rotated = await card.json<Rotated>(...rotate, '--yes');
    expect(service.hasEnded, service.log).to.equal(false);
    expect(outcomes(rotated)).to.equal('done done done done done done done');
    expect(rotated.devices).to.deep.equal(['mlx5_0', 'mlx5_1']);
    expect(made()).to.deep.equal(before);
    expect(keks()).to.deep.equal([[1], [1]]);
    const status = await agent!.client.status();
    expect(status.devices.map(({login}) => [login?.state, login?.importKekId])).to.deep.equal([
      ['VALID', 1],
      ['VALID', 1],
    ]);
    expect(status.deks).to.deep.include({total: 10_000, ready: 10_000});
    service.child.kill('SIGTERM'); // it ends, and reports
    const exit = await service.ended;
    expect(service.report(), service.log).to.include({wrong: 0, failed: 0, moves: 0, reconnects: 0});
    expect(service.report()['writes']).to.be.greaterThan(0);
    expect(exit).to.equal(0);
    expect(fs.existsSync(`${manifest}.rotation`)).to.equal(false);
  });

  it('shows every step, and does none of them under --dry-run or without a terminal', async () => {
    await begin(10);
    const {out, status} = await card.dek(...rotate, '--dry-run');
    expect(status).to.equal(0);
    expect(out.trimEnd().split('\n')).to.have.lengthOf(7);
    expect(out).to.match(/^1\. add the KEK with KCV [0-9a-f]{10} to mlx5_0, mlx5_1$/m);
    expect(out)
      .to.contain('have the agent apply it: no DEK is made anew')
      .and.match(/^7\. delete import KEK 0x/m);
    expect((await card.dek(...rotate)).stderr).to.contain('there is no terminal to ask at');
    expect(keks().map((ids) => ids.length)).to.deep.equal([1, 1]);
    expect(fs.existsSync(`${manifest}.rotation`)).to.equal(false);
  });

  it('keeps the old KEK while a kept generation names it, and goes on when that is gone', async () => {
    await begin(10);
    const kept = join(card.directory, 'fleet.manifest.1');
    fs.copyFileSync(manifest, kept);
    const {status, stderr} = await card.dek(...rotate, '--yes', '--wait', '0');
    expect(status).to.equal(5);
    expect(stderr).to.contain('step 6 of the rotation').and.contain(`${kept}, generation 1: wrapped by it`);
    expect(stderr).to.contain('the same command goes on from there');
    expect(keks().map((ids) => ids.length)).to.deep.equal([2, 2]);
    const other = card.secret('kek-3', 32).source;
    const another = await card.dek(...rotate.map((word) => (word.includes('kek-2') ? other : word)), '--yes');
    expect([another.status, another.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 5 && text.includes('is under way'),
    );
    fs.rmSync(kept);
    const rotated = await card.json<Rotated>(...rotate, '--yes');
    expect(outcomes(rotated)).to.equal('before before done before done done done');
    expect(keks()).to.deep.equal([[1], [1]]);
  });

  it('is refused while another one of the manifest is running', async () => {
    await begin(10);
    const lock = tryHold(`${manifest}.rotation.lock`)!;
    const {status, stderr} = await card.dek(...rotate, '--yes');
    expect([status, stderr]).to.deep.equal([
      5,
      `error: another rotation of ${manifest} is running\nhint: wait for its end\n`,
    ]);
    expect((await card.dek(...rotate, '--dry-run')).status).to.equal(0);
    lock.release();
    expect(keks()).to.deep.equal([[card.device.kekId], [card.device.kekId]]);
    await card.json<Rotated>(...rotate, '--yes');
    expect(fs.readdirSync(card.directory).filter((name) => name.includes('.rotation'))).to.deep.equal([]);
  });

  it('finds a KEK that was added before the rotation could write that down', async () => {
    await begin(10);
    const {kcv: from} = await card.json<{kcv: string}>('kek', 'show', card.kek);
    const {kcv: to} = await card.json<{kcv: string}>('kek', 'show', rotate[6]!);
    const add = ['officer', 'kek', 'add', rotate[6]!, '--kek', card.kek, ...card.officer()];
    await card.json(...add, '--device', 'mlx5_0');
    const progress = {from, to, oldId: card.device.kekId, newId: null, devices: ['mlx5_0', 'mlx5_1']};
    fs.writeFileSync(`${manifest}.rotation`, `${JSON.stringify({'dek-rotation': 1, ...progress})}\n`);
    const rotated = await card.json<Rotated>(...rotate, '--yes');
    expect(rotated.importKekId).to.equal(1);
    expect(keks()).to.deep.equal([[1], [1]]);
  });

  it('takes the KEK back when the ports give it different ids', async () => {
    await begin(10);
    card.device.nic.set({keks: [{id: 1, secret: new Uint8Array(16).fill(5)}]}, 'mlx5_1');
    const before = keks();
    const {status, stderr} = await card.dek(...rotate, '--yes');
    expect(status).to.equal(5);
    expect(stderr).to.contain('gave the new KEK the ids 0x1 and 0x2, and a manifest has one login for all');
    expect(keks()).to.deep.equal(before);
    expect(fs.existsSync(`${manifest}.rotation`)).to.equal(false);
  });

  it('comes to its end however often it is killed, and leaves one KEK', async () => {
    await begin(500);
    const before = made();
    const env = {...card.device.nic.environment(), DEK_AGENT_SOCKET: agent!.socket};
    for (let ms = 150; ms < 900; ms += 75) {
      const child = spawn(process.execPath, [DEK, ...rotate, '--yes'], {env, stdio: 'ignore'});
      const ended = once(child, 'exit');
      await pause(ms);
      child.kill('SIGKILL');
      await ended;
    }
    const last = await card.dek(...rotate, '--yes');
    // One of them may have come to its end before it was killed.
    const {status, stderr} = last.status === 0 ? await card.dek(...rotate, '--yes') : last;
    expect([status, stderr]).to.deep.include(5);
    expect(stderr).to.match(
      /is wrapped under KCV [0-9a-f]{10} already, that of --to\nhint: a rotation to it has ended/,
    );
    expect(keks()[0]).to.deep.equal(keks()[1]);
    expect(keks()[0]).to.have.lengthOf(1);
    expect(keks()[0]).to.not.include(card.device.kekId);
    expect(made()).to.deep.equal(before);
    expect((await agent!.client.status()).deks).to.deep.include({total: 500, ready: 500});
  });

  it('refuses what it cannot do, before anything is changed', async () => {
    await begin(10);
    const {status, stderr} = await card.dek(...rotate.with(4, rotate[6]!), '--yes');
    expect([status, stderr.split('\n')[0]]).to.deep.equal([2, 'error: "from" and "to" are the same KEK']);
    const old = join(card.directory, 'old');
    const keygen = ['keygen', '--name', 'vol-1', '--kek', card.kek, ...card.officer(), '--manifest-version', '1'];
    await card.json(...keygen, '--output', old);
    const first = await card.dek(...rotate.with(2, old), '--yes');
    expect(first.stderr).to.contain('is of version 1, whose header has no next login');
    const other = join(card.directory, 'other');
    await card.json(...keygen.slice(0, -2), '--output', other);
    const strange = await card.dek(...rotate.with(2, other), '--yes');
    expect(strange.stderr).to.contain(`the agent of this host holds ${manifest}, and not ${other}`);
    expect(keks().map((ids) => ids.length)).to.deep.equal([1, 1]);
  });
});
