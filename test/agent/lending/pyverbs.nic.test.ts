/** The recipe for pyverbs: client/examples/attach.py shares the agent's context, and leaves nothing in it. */
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const RECIPE = fileURLToPath(new URL('../../../../client/examples/attach.py', import.meta.url));

describe('attach from pyverbs', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  before(async () => {
    device = await testDevice();
    writeManifestFile(device, vols(1, 3));
    agent = await AgentProcess.start(device, {args: ['--manifest', `${device.directory}/manifest`]});
  });
  after(async () => {
    await agent.end();
    device.remove();
  });

  it('finds the DEKs, moves plain data, and leaves nothing behind', async () => {
    const {status, stdout, stderr} = device.run('/usr/bin/python3', [RECIPE, agent.socket]);
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^vol-1: object id 0x[0-9a-f]+, handle \d+, 128 bits\n.*\n.*\nmoved 4096 bytes\n$/);
    await until(() => device.nic.show().live.qps === 0);
    const {cqs, qps, mrs, mkeys} = device.nic.show().live;
    expect({...live(device), cqs, qps, mrs, mkeys}).to.deep.equal({
      contexts: 1,
      pds: 1,
      logins: 1,
      deks: 3,
      cqs: 0,
      qps: 0,
      mrs: 0,
      mkeys: 0,
    });
  });
});
