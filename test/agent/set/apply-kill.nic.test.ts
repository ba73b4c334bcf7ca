import {spawn} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {IMAGE} from '../../../src/virtual/image-layout.js';
import {held, setOf, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, DEK, live, NOTHING} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const DEKS = 200;
const COMMAND_MS = 1;
const KILLS = 50;
/** Two at a time: one starts while the other waits for its NIC. */
const NICS = 2;

describe('agent killed while it applies its manifest', () => {
  it(`holds exactly the manifest after a restart, ${KILLS} times`, async function () {
    this.timeout(600_000);
    const instants = await Promise.all(Array.from({length: NICS}, () => killAndRestart(KILLS / NICS)));
    // What the test is about: most of the kills hit a set that was half made.
    expect(instants.flat().filter((deks) => deks > 0 && deks < DEKS).length).to.be.at.least(KILLS / 2);
  });
});

/** How many DEKs were there at each kill. */
async function killAndRestart(times: number): Promise<number[]> {
  const device = await testDevice();
  const instants: number[] = [];
  try {
    const set = vols(1, DEKS);
    const args = ['--manifest', writeManifestFile(device, set)];
    for (let i = 0; i < times; i++) {
      // One command at a time and slow ones, so that an apply takes long enough to be hit, on a busy machine too.
      device.nic.set({latencyUs: COMMAND_MS * 1000, parallel: 1});
      instants.push(await killedAtRandom(device, args));
      expect(live(device), 'after the kill').to.deep.equal(NOTHING);
      device.nic.set({latencyUs: 0});
      const agent = await AgentProcess.start(device, {args});
      try {
        expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: DEKS});
        if (i === 0) expect(await held(agent)).to.deep.equal(setOf(set));
      } finally {
        await agent.end('SIGKILL');
      }
    }
  } finally {
    device.remove();
  }
  return instants;
}

/** Starts an agent, and kills it at a random instant of its apply; how many DEKs there were by then. */
async function killedAtRandom(device: TestDevice, args: readonly string[]): Promise<number> {
  const socket = join(device.directory, 'agent.sock');
  const child = spawn(process.execPath, [DEK, 'agent', '--socket', socket, ...args], {
    env: device.nic.environment(),
    stdio: 'ignore',
  });
  const exit = once(child, 'exit');
  const before = deksMade(device);
  await until(() => deksMade(device) > before);
  await pause(randomInt(DEKS * COMMAND_MS));
  child.kill('SIGKILL');
  const made = deksMade(device) - before;
  await exit;
  await until(() => live(device).contexts === 0);
  return made;
}

/** As `show` tells it, which looks through all processes of the machine for it. */
function deksMade(device: TestDevice): number {
  const image = fs.readFileSync(join(device.directory, 'mlx5_0.nvram'));
  return Number(image.readBigUInt64LE(IMAGE.deks_made));
}
