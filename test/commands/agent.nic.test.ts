import {once} from 'node:events';
import {expect} from 'chai';
import {type AgentProcess, agentForEach, live} from '../support/agent/agent-process.js';
import type {TestDevice} from '../support/nic/device.js';

describe('agent, as a process', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  agentForEach([], (...own) => {
    [device, agent] = own;
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
