/** A socket that a service manager has bound: python3 binds it, passes it on as descriptor 3 and becomes the agent. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {PASS_ON} from '../../support/agent/passed-socket.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

describe('passed socket', () => {
  let device: TestDevice;
  let path: string;

  beforeEach(async () => {
    device = await testDevice();
    path = join(device.directory, 'agent.sock');
  });
  afterEach(() => device.remove());

  const start = (socket: string, count = '1'): Promise<AgentProcess> =>
    AgentProcess.start(device, {socket: path, prefix: ['/usr/bin/python3', '-c', PASS_ON, socket, count]});

  it('is where the agent answers', async () => {
    const agent = await start(path);
    try {
      expect((await agent.client.status()).pid).to.equal(agent.child.pid);
    } finally {
      await agent.end();
    }
  });

  it('lets the agent end while a client reads its events', async () => {
    const agent = await start(path);
    const events = agent.client.events();
    await events.next();
    expect(await agent.end()).to.equal(0);
    await events.return();
  });

  it('stays when the agent ends: it is not its own', async () => {
    const agent = await start(path);
    expect(await agent.end()).to.equal(0);
    expect(fs.existsSync(path)).to.equal(true);
  });

  it('is missed by the agent when it was removed', async () => {
    const agent = await start(path);
    try {
      fs.unlinkSync(path);
      await until(() => agent.log.includes('"event":"socket-lost"'));
      expect(agent.log).to.include('restart its socket unit');
    } finally {
      await agent.end();
    }
  });

  it('is not taken by a process that it was not passed to', async () => {
    const agent = await AgentProcess.start(device, {socket: path, env: {LISTEN_PID: '1', LISTEN_FDS: '1'}});
    expect(await agent.end()).to.equal(0);
    expect(fs.existsSync(path), 'it was its own').to.equal(false);
  });

  for (const [what, socket, count, message] of [
    ['two sockets', 'agent.sock', '2', 'expected one passed socket, got 2'],
    ['a socket that does not listen', '', '1', 'the passed socket is no listening unix socket'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const started = start(socket && join(device.directory, socket), count);
      const error = await started.then(
        () => 'it started',
        (reason: Error) => reason.message,
      );
      expect(error).to.include(message);
    });
  }
});
