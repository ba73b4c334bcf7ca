import {once} from 'node:events';
import {expect} from 'chai';
import {AgentProcess, live} from '../agent/agent-process.js';
import {type TestDevice, testDevice} from '../virtual/device.js';

describe('agent, as a process', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice();
    agent = await AgentProcess.start(device);
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  it('keeps its DEKs when nobody reads its log any more', async () => {
    const closed = once(agent.child.stderr!, 'close');
    agent.child.stderr!.destroy();
    await closed;
    await agent.login();
    await agent.create('vol-1');
    expect((await agent.client.queryDek('vol-1')).state).to.equal('READY');
    expect(live(device).deks).to.equal(1);
    expect(await agent.end()).to.equal(0);
  });
});
