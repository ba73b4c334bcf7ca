import {expect} from 'chai';
import {AgentClient} from '../../../src/agent/client.js';
import {writeTable} from '../../../src/agent/wire/table.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

describe('a context that is lent', () => {
  it('again, where there is no agent, is refused at once', async () => {
    const login = {kind: 'LOGIN', handle: 3, id: 4} as const;
    const before = writeTable({nic: 'mlx5_0', pdHandle: 1, serial: 1, entries: [], others: [login]});
    const client = new AgentClient('/nowhere/agent.sock');
    const error = await thrownBy(() => client.lend({fd: 0, pdHandle: 1, before, timeoutMs: 1000}));
    expect(error.code).to.equal('NO_AGENT');
  });
});
