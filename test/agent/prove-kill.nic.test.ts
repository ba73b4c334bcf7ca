/**
 * SIGKILL at random instants of proofs, to the agent, to the command that asked, and to `dek run --prove` that starts:
 * nothing is left on the NIC, and an agent that lives goes on. `KILLS=300` is how many; SLOW=1 has as many.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {isDeepStrictEqual} from 'node:util';
import {expect} from 'chai';
import {AgentProcess, DEK, live, NOTHING} from '../support/agent/agent-process.js';
import {markedDeks, writeMarked} from '../support/manifest/marked-manifest.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {until} from '../support/until.js';

const KILLS = Number(process.env['KILLS'] ?? (process.env['SLOW'] ? 300 : 15));
const DEKS = 1000;
const NO_DATA_PATH = {cqs: 0, qps: 0, mrs: 0, mkeys: 0};

/** What of proofs is on the NIC. */
function dataPathOf({nic}: TestDevice): typeof NO_DATA_PATH {
  const {cqs, qps, mrs, mkeys} = nic.show().live;
  return {cqs, qps, mrs, mkeys};
}

function isProving(device: TestDevice): boolean {
  return dataPathOf(device).qps > 0;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await ended;
}

describe('SIGKILL while DEKs are proven', function () {
  this.timeout(300_000 + KILLS * 12_000);
  let device: TestDevice;
  let manifest: string;
  /** Kills that hit a proof. */
  let hits = 0;
  before(async () => {
    device = await testDevice();
    manifest = await writeMarked(device, markedDeks(Array.from({length: DEKS}, (_, i) => `vol-${i}`)));
  });
  after(() => device.remove());
  const third = Math.ceil(KILLS / 3);

  /** Waits until DEKs are being proven, if that is to be, and then for a random part of the time that it takes. */
  async function randomInstant(ms: number): Promise<void> {
    await pause(Math.random() * ms);
    if (isProving(device)) hits++;
  }

  it(`to who asked, ${third} times: the agent ends the proofs, and goes on`, async () => {
    const agent = await AgentProcess.start(device, {args: ['--manifest', manifest]});
    try {
      const started = performance.now();
      await agent.client.proveDeks({all: true});
      const ms = performance.now() - started;
      for (let i = 0; i < third; i++) {
        const args = [DEK, 'prove', '--all', '--socket', agent.socket];
        const asking = device.spawn(process.execPath, args, {stdio: 'ignore'});
        // From its start on, or from its first proof on.
        if (i % 4 !== 0) await until(() => isProving(device) || asking.exitCode !== null);
        await randomInstant(ms);
        await kill(asking);
        await until(() => isDeepStrictEqual(dataPathOf(device), NO_DATA_PATH));
      }
      expect((await agent.client.proveDeks({all: true})).every(({verdict}) => verdict === 'ok')).to.equal(true);
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: DEKS});
    } finally {
      await agent.end();
    }
    expect(live(device)).to.deep.equal(NOTHING);
  });

  it(`to the agent, ${third} times`, async () => {
    for (let i = 0; i < third; i++) {
      const agent = await AgentProcess.start(device, {args: ['--manifest', manifest]});
      const proving = agent.client.proveDeks({all: true}).catch(() => {});
      if (i % 4 !== 0) await until(() => isProving(device));
      await randomInstant(100);
      expect(await agent.end('SIGKILL')).to.equal('SIGKILL');
      await proving;
      expect(live(device)).to.deep.equal(NOTHING);
      expect(dataPathOf(device)).to.deep.equal(NO_DATA_PATH);
    }
  });

  it(`to dek run --prove, ${third} times`, async () => {
    const args = [DEK, 'run', '--manifest', manifest, '--prove', '--', 'sleep', '0'];
    for (let i = 0; i < third; i++) {
      const env = {...device.nic.environment(), TMPDIR: join(device.directory)};
      const running = spawn(process.execPath, args, {env, stdio: 'ignore'});
      if (i % 4 !== 0) await until(() => isProving(device) || running.exitCode !== null);
      await randomInstant(i % 4 === 0 ? 1500 : 150);
      await kill(running);
      expect(live(device)).to.deep.equal(NOTHING);
      expect(dataPathOf(device)).to.deep.equal(NO_DATA_PATH);
    }
  });

  it('has hit proofs', () => {
    expect(hits, 'kills in the midst of proofs').to.be.at.least(KILLS / 5);
  });
});
