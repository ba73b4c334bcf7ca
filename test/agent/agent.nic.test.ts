import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {wrapDek} from '../../src/wrap/index.js';
import {AgentProcess, agentForEach, live, NOTHING, wrappedDek} from '../support/agent/agent-process.js';
import type {TestDevice} from '../support/nic/device.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {describeHits, needlesOf, searchMemory} from '../support/process/memory.js';
import {skipWithout} from '../support/skip.js';

describe('agent', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  agentForEach([], (...own) => {
    [device, agent] = own;
  });

  it('holds a login and DEKs, and tells their state', async () => {
    await agent.login();
    const created = await agent.client.createDek({
      name: 'vol-1',
      wrapped: wrappedDek(device),
      opaque: Buffer.from('vol-1'),
    });
    const expected = {
      name: 'vol-1',
      state: 'READY',
      keySize: 128,
      keytag: false,
      import: 'wrapped',
      opaque: '766f6c2d31000000',
      proof: null,
    };
    expect(created).to.deep.equal(expected);
    expect(await agent.client.queryDek('vol-1')).to.deep.equal(expected);
    expect(await agent.client.listDeks()).to.deep.equal([expected]);
    const status = await agent.client.status();
    expect(status.devices[0]?.login).to.deep.equal({
      state: 'VALID',
      credentialId: device.credentialId,
      importKekId: device.kekId,
    });
    expect(status.deks).to.deep.equal({total: 1, ready: 1, error: 0, unknown: 0, proven: 0, wrong: 0});
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 1});
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`on ${signal} destroys its DEKs, logs out, closes the NIC and removes its socket`, async () => {
      await agent.login();
      await agent.create('vol-1');
      expect(await agent.end(signal)).to.equal(0);
      expect(live(device)).to.deep.equal(NOTHING);
      expect(fs.existsSync(agent.socket)).to.equal(false);
      expect(agent.log).to.include('"event":"closed"');
    });
  }

  it('killed with SIGKILL leaves nothing on the NIC, and its successor takes over the socket', async () => {
    await agent.login();
    await agent.create('vol-1');
    expect(await agent.end('SIGKILL')).to.equal('SIGKILL');
    expect(live(device)).to.deep.equal(NOTHING);
    expect(fs.existsSync(agent.socket)).to.equal(true);
    const successor = await AgentProcess.start(device);
    try {
      await successor.login();
      await successor.create('vol-1');
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 1});
    } finally {
      await successor.end();
    }
  });

  it('says how to log in when it is not logged in', async () => {
    const error = await thrownBy(() => agent.create('vol-1'));
    expect(error.code).to.equal('NO_LOGIN');
    expect(error.hint).to.match(/^dek login --credential /);
  });

  it('refuses a second login while the first is valid', async () => {
    await agent.login();
    expect((await thrownBy(() => agent.login())).code).to.equal('EXISTS');
  });

  it('refuses a second DEK of one name and keeps the first', async () => {
    await agent.login();
    await agent.create('vol-1', 1);
    expect((await thrownBy(() => agent.create('vol-1', 2))).code).to.equal('EXISTS');
    expect(live(device).deks).to.equal(1);
  });

  it('destroys nothing when one of the names is unknown', async () => {
    await agent.login();
    await agent.create('vol-1');
    const error = await thrownBy(() => agent.client.destroyDeks({names: ['vol-1', 'vol-2']}));
    expect(error.code).to.equal('NO_DEK');
    expect(live(device).deks).to.equal(1);
  });

  it('after a logout keeps DEKs, of which the NIC does not tell, until the next login', async () => {
    await agent.login();
    await agent.create('vol-1');
    await agent.client.logout();
    expect((await agent.client.listDeks())[0]?.state).to.equal('UNKNOWN');
    expect((await thrownBy(() => agent.client.queryDek('vol-1'))).code).to.equal('NO_LOGIN');
    await agent.login();
    expect((await agent.client.queryDek('vol-1')).state).to.equal('READY');
  });

  it('leaves no core dump when it is made to crash', async () => {
    const limits = fs.readFileSync(`/proc/${agent.child.pid}/limits`, 'utf8');
    expect(limits).to.match(/Max core file size\s+0\s+0/);
    expect(await agent.end('SIGABRT')).to.equal('SIGABRT');
  });

  it('cannot be traced by its own user', async function () {
    skipWithout('root', this); // dropping capabilities to those of a user needs root
    const user = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
    const read = (pid: number | undefined) => device.run(user[0]!, [...user.slice(1), 'cat', `/proc/${pid}/maps`]);
    const ordinary = device.spawn(user[0]!, [...user.slice(1), 'sleep', '60']);
    const other = await AgentProcess.start(device, {prefix: user, socket: join(device.directory, 'other.sock')});
    try {
      expect(read(ordinary.pid).status, 'an ordinary process can be').to.equal(0);
      expect(read(other.child.pid).stderr).to.include('Permission denied');
    } finally {
      ordinary.kill();
      await other.end();
    }
  });

  it('has never held the KEK, the credential or a DEK in plaintext, in its memory or its log', async function () {
    skipWithout('root', this); // reading the memory of a process that is not dumpable needs root
    const key1 = Buffer.from('a5c1170e93b2447fd86021be5f3390d4', 'hex');
    const key2 = Buffer.from('6b08f2d95e1c4aa7b3704419c2fe8d15', 'hex');
    await agent.login();
    const wrapped = wrapDek(device.kek, {key1, key2});
    await agent.client.createDek({name: 'vol-1', wrapped, opaque: new Uint8Array()});
    await thrownBy(() => agent.create('vol-1'));
    await agent.client.listDeks();
    process.kill(agent.child.pid!, 'SIGSTOP');
    try {
      const secrets = {KEK: device.kek, credential: device.credential, DEK: Buffer.concat([key1, key2])};
      const needles = Object.entries(secrets).flatMap(([name, bytes]) => needlesOf(name, bytes));
      // The NVRAM image is the NIC, not the agent: there the KEK and the credential are.
      const isNic = ({path}: {path: string}): boolean => path.endsWith('.nvram');
      const hits = searchMemory(agent.child.pid!, needles, {skip: isNic});
      expect(hits, describeHits(hits)).to.deep.equal([]);
      const inNic = searchMemory(agent.child.pid!, needlesOf('KEK', device.kek), {skip: (mapping) => !isNic(mapping)});
      expect(inNic, 'the search finds what is there').to.not.deep.equal([]);
      const inLog = needles.filter(({bytes}) => Buffer.from(agent.log).includes(Buffer.from(bytes)));
      expect(inLog).to.deep.equal([]);
    } finally {
      process.kill(agent.child.pid!, 'SIGCONT');
    }
  });

  it('tells the service manager when it is ready and when it stops', async () => {
    const socket = join(device.directory, 'notify.sock');
    const listener = device.spawn(
      '/usr/bin/python3',
      [
        '-c',
        `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
print("bound", flush=True)
for _ in range(2): print(repr(s.recv(4096)), flush=True)`,
        socket,
      ],
      {stdio: ['ignore', 'pipe', 'inherit']},
    );
    const ended = once(listener, 'close');
    let heard = '';
    listener.stdout!.on('data', (text) => {
      heard += text;
    });
    await once(listener.stdout!, 'data');
    const other = await AgentProcess.start(device, {
      socket: join(device.directory, 'other.sock'),
      env: {NOTIFY_SOCKET: socket},
    });
    await other.end();
    await ended;
    expect(heard).to.match(/b'READY=1\\nSTATUS=holding no DEKs on mlx5_0'\nb'STOPPING=1'\n/);
  });
});
