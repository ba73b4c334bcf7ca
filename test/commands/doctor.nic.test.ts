/** `dek doctor` as a user runs it. The verdicts stand in test/doctor/verdicts.nic.test.ts. */
import {expect} from 'chai';
import type {Report} from '../../src/doctor/examine.js';
import type {Settings} from '../../src/virtual/index.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {markedDeks, writeMarked} from '../support/manifest/marked-manifest.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {runDek} from '../support/process/run-dek.js';
import {skipWithout} from '../support/skip.js';

describe('dek doctor', () => {
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

  const BAD: [Settings, Settings, RegExp][] = [
    [{state: 'commissioning'}, {state: 'operational'}, /the NIC is not operational \(commissioning\)/],
    [{engines: []}, {engines: ['single-block', 'multi-block']}, /DATA_CRYPTO_ENGINE is DISABLED/],
    [{failedSelftests: 5}, {failedSelftests: 0}, /self-tests of the crypto have FAILED/],
    [{gone: true}, {gone: false}, /the NIC does not answer/],
    [{openErrno: 13}, {openErrno: 0}, /may not open the node/],
    [{openErrno: 2}, {openErrno: 0}, /no node to open: a container without it/],
    [{cryptoObjects: false}, {cryptoObjects: true}, /the firmware knows no crypto logins, or no DEKs/],
    [{faults: [{command: 'caps', times: 'always'}]}, {faults: []}, /did not tell what its crypto can do/],
  ];
  for (const [set, back, words] of BAD) {
    it(`says first what is wrong, on one screen, with ${JSON.stringify(set)}`, async () => {
      device.nic.set(set);
      const {status, stdout} = await runDek(['doctor'], {env}).finally(() => device.nic.set(back));
      const [summary, ...rest] = stdout.toString().trimEnd().split('\n');
      expect(status).to.equal(7);
      expect(summary).to.match(/^[1-9] to fix.*; begin with the first$/);
      const next = rest.findIndex((line, i) => i > 0 && !line.startsWith(' '));
      expect(rest.slice(0, next).join(' ').replace(/\s+/g, ' ')).to.match(/^FIX /).and.to.match(words);
      expect(rest.length).to.be.at.most(23);
      for (const line of rest) expect(line.length, line).to.be.at.most(80);
    });
  }

  it('says that there is no NIC where there are libraries alone, in text as in JSON', async function () {
    skipWithout('no RDMA', this);
    const {status, stdout} = await runDek(['doctor', '--json']);
    const report = JSON.parse(stdout.toString()) as Report;
    expect([status, report.ok, report.toFix > 0]).to.deep.equal([7, false, true]);
    expect(report.lines[0]).to.include({check: 'libraries', level: 'ok', verdict: null});
    const [first] = report.lines.filter(({level}) => level === 'fix');
    expect(first).to.include({check: 'devices'}).and.have.property('fix').that.is.a('string');
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
