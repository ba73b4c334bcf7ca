import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {type AgentProcess, agentForEach, wrappedDek} from '../support/agent/agent-process.js';
import type {TestDevice} from '../support/nic/device.js';
import {runDek} from '../support/process/run-dek.js';

describe('firmware commands of a command', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  agentForEach([], (...own) => {
    [device, agent] = own;
  });

  /** How many the NIC gets while `dek ARGS` runs. */
  async function countOf(...args: string[]): Promise<number> {
    const before = device.nic.show().total.commands;
    const {status, stderr} = await runDek([...args, '--socket', agent.socket]);
    expect([status, stderr.replace(/^created .*\n/, '')]).to.deep.equal([0, '']);
    return device.nic.show().total.commands - before;
  }

  it('are what it asks for, and no more', async () => {
    await agent.login();
    const file = join(device.directory, 'vol.wrapped');
    fs.writeFileSync(file, wrappedDek(device));
    expect(await countOf('create', 'vol-1', file), 'a create and the query behind it').to.equal(2);
    expect(await countOf('create', 'vol-2', file)).to.equal(2);
    expect(await countOf('query', 'vol-1')).to.equal(1);
    expect(await countOf('list'), 'one a DEK').to.equal(2);
    expect(await countOf('status'), 'one a NIC').to.equal(1);
    expect(await countOf('destroy', 'vol-1')).to.equal(1);
    expect(await countOf('logout')).to.equal(1);
  });
});
