/** Another user attaches: a member of the group, on a NIC that both can open, and only if the agent allows it. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {logged} from '../../support/agent/agent-log.js';
import {vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {skipWithout} from '../../support/skip.js';
import {until} from '../../support/until.js';

const RECIPE = fileURLToPath(new URL('../../../../client/examples/attach.py', import.meta.url));
/** Debian's nobody, and a group that exists everywhere. */
const NOBODY = 65_534;
const GAMES = 60;

describe('a member of the group', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  before(function () {
    skipWithout('root', this); // becoming another user needs root
  });
  beforeEach(async () => {
    device = await testDevice({gid: GAMES});
    writeManifestFile(device, vols(1, 3));
  });
  afterEach(async () => {
    await agent?.end();
    device?.remove();
  });

  async function start(...args: string[]): Promise<void> {
    const manifest = ['--manifest', `${device.directory}/manifest`];
    const socket = join(device.directory, 'dek', 'agent.sock');
    agent = await AgentProcess.start(device, {socket, args: [...manifest, '--group', `${GAMES}`, ...args]});
  }

  function attachAs(gid: number): {status: number | null; stdout: string; stderr: string} {
    const identity = ['--reuid', `${NOBODY}`, '--regid', `${gid}`, '--clear-groups'];
    // What it reads has to be readable for that user, wherever the checkout is.
    const recipe = fs.readFileSync(RECIPE, 'utf8');
    return spawnSync('setpriv', [...identity, '/usr/bin/python3', '-', agent.socket], {
      env: device.nic.environment(),
      encoding: 'utf8',
      input: recipe,
    });
  }

  it('may not attach unless the agent was told so', async () => {
    await start();
    const {status, stderr} = attachAs(GAMES);
    expect(status).to.equal(1);
    expect(stderr).to.include(`user id ${NOBODY} may neither lend nor attach`);
    await until(() => logged(agent, 'attach-refused').length === 1);
    expect(logged(agent, 'attach-refused')[0]).to.include({uid: NOBODY});
  });

  it('attaches with --group-may-attach, and what it left is gone with it', async () => {
    await start('--group-may-attach');
    const {status, stdout, stderr} = attachAs(GAMES);
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.include('moved 4096 bytes');
    await until(() => logged(agent, 'detach').length === 1);
    expect(logged(agent, 'attach')[0]).to.include({uid: NOBODY, deks: 3});
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 3});
  });

  it('is the only one: others do not reach the socket, and the officer’s secrets are for nobody', async () => {
    await start('--group-may-attach');
    expect(attachAs(NOBODY).status).to.equal(1);
    const read = spawnSync('setpriv', [
      '--reuid',
      `${NOBODY}`,
      '--regid',
      `${GAMES}`,
      '--clear-groups',
      'cat',
      device.nic.kekFile,
    ]);
    expect(read.status).to.equal(1);
  });
});
