/** `dek doctor` as a user runs it. The verdicts stand in test/doctor/verdicts.nic.test.ts. */
import {expect} from 'chai';
import type {Report} from '../../src/doctor/examine.js';
import {AgentProcess} from '../support/agent-process.js';
import {type TestDevice, testDevice} from '../support/device.js';
import {markedDeks, writeMarked} from '../support/marked-manifest.js';
import {runDek} from '../support/run-dek.js';
import {skipWithout} from '../support/skip.js';

describe('dek doctor', function () {
  this.timeout(60_000);
  let device: TestDevice;
  let env: Record<string, string>;
  before(async () => {
    device = await testDevice();
    env = device.nic.environment() as Record<string, string>;
  });
  after(() => device?.remove());

  it('exits with 7 on a host without RDMA, and says so first', async function () {
    skipWithout('no RDMA', this);
    const {status, stdout} = await runDek(['doctor']);
    expect(status).to.equal(7);
    expect(stdout.toString()).to.match(/^\d to fix.*; begin with the first\nFIX {2}devices: /);
    expect(stdout.toString().split('\n').length).to.be.at.most(25);
  });

  it('looks at a real agent, its manifest and its DEKs, and finds what has happened to them', async () => {
    const manifest = await writeMarked(device, markedDeks(['vol-1', 'vol-2']));
    const agent = await AgentProcess.start(device, {args: ['--manifest', manifest, '--prove']});
    try {
      const look = async (): Promise<[number | null, Report]> => {
        const {status, stdout} = await runDek(['doctor', '--socket', agent.socket, '--json'], {env});
        return [status, JSON.parse(stdout.toString())];
      };
      const [status, report] = await look();
      expect([status, report.ok, report.lines.flatMap(({verdict}) => verdict ?? [])]).to.deep.equal([0, true, []]);
      const checks = report.lines.map(({check}) => check);
      expect(checks).to.include.members(['agent', 'socket', 'manifest']);
      device.nic.set({revokeKeks: [device.kekId]});
      await writeMarked(device, markedDeks(['vol-1', 'vol-2', 'vol-3']));
      const [after, {lines}] = await look();
      expect(after).to.equal(7);
      expect(lines.flatMap(({verdict}) => verdict ?? [])).to.include.members(['no-keks', 'manifest-not-applied']);
    } finally {
      await agent.end();
      if (device.nic.show().importKeks.length === 0) device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
    }
  });

  it('says what a probe has done, in words', async () => {
    const probe = await writeMarked(device, markedDeks(['vol-1']));
    const {status, stdout} = await runDek(['doctor', '--probe', probe], {env});
    expect(stdout.toString()).to.match(/^ok {2}probe mlx5_0: vol-1: logged in, created, READY; proof: ok; destroyed$/m);
    expect(status).to.equal(0);
  });
});
