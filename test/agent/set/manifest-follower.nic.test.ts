import {once} from 'node:events';
import fs from 'node:fs';
import {request} from 'node:http';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {apply, held, setOf, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, DEK, live, NOTHING} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {until} from '../../support/until.js';

describe('follower', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice();
    agent = await AgentProcess.start(device);
  });
  afterEach(async () => {
    device.nic.set({latencyUs: 0});
    const status = await agent.end();
    const left = live(device);
    device.remove();
    expect(status, agent.log).to.equal(0);
    expect(left).to.deep.equal(NOTHING);
  });

  it('has nothing to reload before the first apply', async () => {
    expect((await thrownBy(() => apply(agent, undefined))).code).to.equal('NO_INPUT');
  });

  it('keeps path and digest of the last good manifest', async () => {
    const path = writeManifestFile(device, vols(1, 3));
    const {digest} = await apply(agent, path);
    await thrownBy(() => apply(agent, writeManifestFile(device, [{name: 'bad', altered: true}], {file: 'bad'})));
    await apply(agent, writeManifestFile(device, vols(1, 9), {file: 'dry'}), {dryRun: true});
    const {manifest} = await agent.client.status();
    expect(manifest).to.include({path, digest, failed: 0});
    expect(digest).to.match(/^[0-9a-f]{64}$/);
  });

  it('reads the manifest again at a reload', async () => {
    await apply(agent, writeManifestFile(device, vols(1, 3)));
    writeManifestFile(device, vols(2, 4));
    expect((await apply(agent, undefined)).plan).to.deep.equal({
      create: 1,
      replace: 0,
      rewrapped: 0,
      destroy: 1,
      unchanged: 2,
    });
    expect(await held(agent)).to.deep.equal(setOf(vols(2, 4)));
  });

  it('reads it again at SIGHUP', async () => {
    await apply(agent, writeManifestFile(device, vols(1, 3)));
    const {digest} = (await agent.client.status()).manifest!;
    writeManifestFile(device, vols(2, 5));
    agent.child.kill('SIGHUP');
    await until(() => live(device).deks === 4);
    await until(() => agent.log.split('"event":"apply"').length === 3);
    expect(await held(agent)).to.deep.equal(setOf(vols(2, 5)));
    expect((await agent.client.status()).manifest!.digest).to.not.equal(digest);
  });

  it('lives on, with what it holds, when the manifest is bad or gone at SIGHUP', async () => {
    const path = writeManifestFile(device, vols(1, 3));
    await apply(agent, path);
    const before = await agent.client.status();
    fs.appendFileSync(path, 'torn');
    agent.child.kill('SIGHUP');
    await until(() => agent.log.includes('line 5: ends without a line feed'));
    fs.rmSync(path);
    agent.child.kill('SIGHUP');
    await until(() => agent.log.includes('no such file'));
    expect(await agent.client.status()).to.deep.equal(before);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
  });

  it('lives on at SIGHUP when there is nothing to reload', async () => {
    agent.child.kill('SIGHUP');
    await until(() => agent.log.includes('no manifest has been applied'));
    expect((await agent.client.status()).manifest).to.equal(null);
  });

  it('changes nothing when a large manifest changes while it is applied', async () => {
    await apply(agent, writeManifestFile(device, vols(1, 3)));
    const longNames = vols(1, 20_000, 2).map((vol) => ({...vol, name: `${vol.name}-${'x'.repeat(100)}`}));
    const path = writeManifestFile(device, longNames);
    expect(fs.statSync(path).size).to.be.greaterThan(2 ** 22);
    device.nic.set({latencyUs: 50_000});
    const failed = thrownBy(() => apply(agent, path));
    await until(() => live(device).deks > 20);
    const content = fs.readFileSync(path, 'utf8');
    // In place, which nobody should do, and so that each line is a good one; beyond what one read takes.
    fs.writeFileSync(path, content.replaceAll('"vol-4', '"vol-x4'));
    device.nic.set({latencyUs: 0});
    const error = await failed;
    expect(error).to.include({code: 'BAD_INPUT', message: `${path} changed while it was read`});
    expect(error.hint).to.include('rename');
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
    expect(live(device).deks).to.equal(3);
  });

  it('applies what it has read when a small manifest changes while it is applied', async () => {
    const path = writeManifestFile(device, vols(1, 4000)); // more than one read takes
    const {size} = fs.statSync(path);
    device.nic.set({latencyUs: 50_000});
    const applied = apply(agent, path);
    await until(() => live(device).deks > 20);
    fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replaceAll('"vol-4', '"vol-5'));
    expect(fs.statSync(path).size).to.equal(size);
    device.nic.set({latencyUs: 0});
    await applied;
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 4000)));
  });

  it('tells who applies when it ends meanwhile, and leaves nothing', async () => {
    const path = writeManifestFile(device, vols(1, 4000));
    device.nic.set({latencyUs: 50_000});
    const failed = thrownBy(() => apply(agent, path));
    await until(() => live(device).deks > 20);
    agent.child.kill('SIGTERM');
    const error = await failed;
    expect(error).to.include({code: 'IO'});
    expect(error.message).to.match(/broke off before it answered|ended before the apply was done/);
  });

  describe('undoes an apply', () => {
    beforeEach(async () => {
      await apply(agent, writeManifestFile(device, vols(1, 3)));
      device.nic.set({latencyUs: 200_000});
    });

    async function undone(): Promise<void> {
      device.nic.set({latencyUs: 0});
      await until(() => agent.log.includes('"event":"apply-failed"'));
      await until(() => live(device).deks === 3);
      expect(agent.log).to.include('the apply was interrupted; nothing was changed');
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
      await apply(agent, writeManifestFile(device, vols(1, 600, 2)));
      expect(live(device).deks).to.equal(600);
    }

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
      it(`whose dek apply ends by ${signal}`, async () => {
        const path = writeManifestFile(device, vols(1, 600, 2));
        const child = device.spawn(process.execPath, [DEK, 'apply', path, '--socket', agent.socket], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const [output, exit] = [text(child.stdout!), once(child, 'exit')];
        await until(() => live(device).deks > 30);
        child.kill(signal);
        const [status, by] = await exit;
        expect([status === 0, by === null && status === null]).to.deep.equal([false, false]);
        expect(await output).to.equal('');
        await undone();
      });
    }

    it('whose client hangs up', async () => {
      const path = writeManifestFile(device, vols(1, 600, 2));
      const query = new URLSearchParams({path});
      const sent = request({socketPath: agent.socket, method: 'POST', path: `/v1/apply?${query}`, agent: false});
      sent.on('error', () => {}); // we hang up
      sent.end();
      await until(() => live(device).deks > 30);
      sent.destroy();
      await undone();
    });
  });

  it('refuses a second apply as BUSY', async () => {
    device.nic.set({latencyUs: 200_000}); // it takes seconds: a busy machine has time for the second one
    const first = apply(agent, writeManifestFile(device, vols(1, 200)));
    await until(() => live(device).deks > 0);
    const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 3), {file: 'second'})));
    expect(error).to.include({code: 'BUSY', exitStatus: 5});
    device.nic.set({latencyUs: 0});
    await first;
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 200)));
  });

  it('ends in good order when it is told to while it applies', async () => {
    device.nic.set({latencyUs: 200_000});
    const failed = thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 600))));
    await until(() => live(device).deks > 30);
    agent.child.kill('SIGTERM');
    await pause(20);
    device.nic.set({latencyUs: 0});
    expect((await failed).code).to.equal('IO');
  });

  for (const [what, args] of [
    ['a missing manifest', ['--manifest', '/nowhere/manifest']],
    ['a directory', ['--manifest', '/']],
  ] as const) {
    it(`is not started with ${what}`, async () => {
      const socket = join(device.directory, 'other.sock');
      const {status, stdout} = device.run(process.execPath, [DEK, 'agent', '--socket', socket, ...args]);
      expect([status === 0, stdout, fs.existsSync(socket)]).to.deep.equal([false, '', false]);
    });
  }
});
