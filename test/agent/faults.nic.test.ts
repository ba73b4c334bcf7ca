import {randomBytes, randomInt} from 'node:crypto';
import {once} from 'node:events';
import fs from 'node:fs';
import {request} from 'node:http';
import {connect} from 'node:net';
import {expect} from 'chai';
import {AgentClient} from '../../src/agent/client.js';
import {AgentProcess, DEK, live, NOTHING, wrappedDek} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {until} from '../support/until.js';

describe('agent under faults', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice({settings: {logMaxDeks: 3}});
    agent = await AgentProcess.start(device, {fastClock: true});
    await agent.login();
    await agent.create('vol-1');
  });
  afterEach(async () => {
    const status = await agent.end();
    const left = live(device);
    device.remove();
    expect(status).to.equal(0);
    expect(left).to.deep.equal(NOTHING);
  });

  it('says that its login is INVALID when the import KEK is revoked, and logs in again with a new one', async () => {
    device.nic.set({revokeKeks: [device.kekId]});
    expect((await agent.client.status()).devices[0]?.login?.state).to.equal('INVALID');
    const error = await thrownBy(() => agent.create('vol-2'));
    expect(error.code).to.equal('NOT_READY');
    expect(error.exitStatus).to.equal(7);
    device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
    await agent.login();
    expect((await agent.client.queryDek('vol-1')).state).to.equal('READY');
    await agent.create('vol-2');
  });

  it('names the limit when the NIC is full, and goes on when there is room', async () => {
    for (let i = 2; i <= 8; i++) await agent.create(`vol-${i}`, i);
    const error = await thrownBy(() => agent.create('vol-9'));
    expect(error.code).to.equal('LIMIT');
    expect(error.errno).to.equal('ENOMEM');
    expect(error.message).to.include('at most 8');
    await agent.client.destroyDeks({names: ['vol-3']});
    await agent.create('vol-9');
    expect(live(device).deks).to.equal(8);
  });

  it('fails clearly while the NIC is gone, and makes everything again when it is back', async () => {
    device.nic.set({gone: true});
    const error = await thrownBy(() => agent.create('vol-2'));
    expect(error.code).to.equal('DEVICE_GONE');
    expect((await agent.client.status()).devices[0]?.gone).to.equal(true);
    expect((await agent.client.listDeks())[0]?.state).to.equal('UNKNOWN');
    device.nic.set({gone: false});
    await until(() => /"event":"heal","device":"mlx5_0","deks":1,"names":\["vol-1"\]/.test(agent.log));
    expect((await agent.client.queryDek('vol-1')).state).to.equal('READY');
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 1});
    expect(agent.log).to.include('"event":"device-gone"').and.include('"missingDeks":1');
  });

  it('ends in good order while the NIC is gone', async () => {
    device.nic.set({gone: true});
    await thrownBy(() => agent.client.queryDek('vol-1'));
  });

  it('reports a DEK that turned to ERROR', async () => {
    device.nic.set({dekErrors: [{which: 'all'}]});
    expect((await agent.client.queryDek('vol-1')).state).to.equal('ERROR');
  });

  it('keeps no DEK that is not READY after its create', async () => {
    device.nic.set({dekErrors: [{which: 'all', future: true}]});
    expect((await thrownBy(() => agent.create('vol-2'))).code).to.equal('NOT_READY');
    expect(live(device).deks).to.equal(1);
    expect((await agent.client.listDeks()).map(({name}) => name)).to.deep.equal(['vol-1']);
  });

  it('keeps a DEK whose destroy the NIC refuses as busy', async () => {
    device.nic.set({faults: [{command: 'destroy', object: 'dek', status: 0x06, times: 'always'}]});
    expect((await thrownBy(() => agent.client.destroyDeks({all: true}))).code).to.equal('BUSY');
    device.nic.set({faults: []});
    expect((await agent.client.queryDek('vol-1')).state).to.equal('READY');
    expect(await agent.client.destroyDeks({all: true})).to.deep.equal(['vol-1']);
  });

  for (const [what, flip] of [
    ['one bit flipped', (key: Uint8Array) => (key[20]! ^= 1)],
    ['another KEK', (key: Uint8Array) => key.fill(7)],
  ] as const) {
    it(`refuses a wrapped key of ${what} and changes nothing`, async () => {
      const key = wrappedDek(device, 5);
      flip(key);
      const error = await thrownBy(() => agent.client.createDek({name: 'bad', wrapped: key, opaque: new Uint8Array()}));
      expect(error.code).to.equal('REFUSED');
      expect(error.errno).to.equal('EINVAL');
      expect(live(device).deks).to.equal(1);
    });
  }

  it('keeps a DEK that is not READY and that the NIC will not let go of out of the list', async () => {
    device.nic.set({
      dekErrors: [{which: 'all', future: true}],
      faults: [{command: 'destroy', object: 'dek', status: 0x06}],
    });
    expect((await thrownBy(() => agent.create('vol-2'))).code).to.equal('NOT_READY');
  });

  it('lives on when its log and its stdout cannot be written', async () => {
    const other = device.spawn('sh', [
      '-c',
      `exec ${process.execPath} ${DEK} agent --socket ${agent.socket}2 >/dev/full 2>&1`,
    ]);
    const client = new AgentClient(`${agent.socket}2`);
    await until(() => fs.existsSync(`${agent.socket}2`));
    const {wrappedCredential: credential, credentialId, kekId: importKekId} = device;
    await client.login({credential, credentialId, importKekId});
    expect((await client.status()).devices[0]?.login?.state).to.equal('VALID');
    other.kill();
    await once(other, 'exit');
  });

  it('cuts off a client that sends half a body', async () => {
    const socket = connect(agent.socket);
    socket.write('PUT /v1/deks/x?import=wrapped HTTP/1.1\r\nHost: dek\r\nContent-Length: 40\r\n\r\nabc');
    socket.resume();
    await once(socket, 'close');
    expect(agent.log).to.not.include('"internal"');
  });

  it('answers what is not HTTP in the shape of all errors', async () => {
    const socket = connect(agent.socket);
    socket.end('no such thing\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!).error.code).to.equal('BAD_ARGUMENT');
  });

  it('destroys thousands of DEKs by name at once', async () => {
    const names = Array.from({length: 3000}, (_, i) => `volume-with-a-name-that-is-rather-long-${i}`);
    const error = await thrownBy(() => agent.client.destroyDeks({names}));
    expect(error.code).to.equal('NO_DEK');
  });

  it('survives 1,000 malformed requests', async () => {
    const answers = new Map<string, number>();
    const count = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
    for (let i = 0; i < 700; i++) count(`${await malformedRequest(agent.socket)}`);
    for (let i = 0; i < 300; i++) await garbage(agent.socket);
    const statuses = [...answers.keys()].sort();
    expect(
      statuses.every((status) => status.startsWith('4')),
      statuses.join(' '),
    ).to.equal(true);
    expect(await agent.client.listDeks()).to.have.length(1);
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 1});
    expect(agent.log).to.not.include('"internal"');
  });
});

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'];
const PATHS = [
  () => '/',
  () => `/v1/${randomBytes(4).toString('hex')}`,
  () => '/v1/login?x=1',
  () => '/v1/login?credentialId=16777216&importKekId=1',
  () => '/v1/login?credentialId=1&importKekId=-1',
  () => '/v1/login?credentialId=1&importKekId=1e3&x=1',
  () => '/v1/deks?all=yes',
  () => '/v1/deks?all=true&name=vol-1',
  () => '/v1/deks?name=',
  () => '/v1/deks/%00',
  () => '/v1/deks/%E0%A4%A',
  () => '/v1/deks/..%2f..%2fetc',
  () => '/v1/deks/__proto__?import=wrapped',
  () => `/v1/deks/${'a'.repeat(randomInt(129, 4000))}?import=wrapped`,
  () => '/v1/deks/x?import=both',
  () => '/v1/deks/x?import=wrapped&opaque=0',
  () => '/v1/deks/x?import=wrapped&opaque=000000000000000000',
  () => '/v1/deks/x?import=wrapped&import=plaintext',
];

/** Sends a request that is HTTP and wrong; resolves to the status of the answer. */
async function malformedRequest(socketPath: string): Promise<number> {
  const path = PATHS[randomInt(PATHS.length)]!();
  const sent = request({socketPath, method: METHODS[randomInt(METHODS.length)]!, path, agent: false});
  sent.end(randomInt(2) ? randomBytes(randomInt(300)) : undefined);
  const status = await new Promise<number>((resolve, reject) => {
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    // The agent may answer and hang up before it was sent the whole of a body that is too long.
    sent.on('error', reject);
  });
  return status;
}

/** Sends bytes that are not HTTP, or only half of it, and hangs up. */
async function garbage(socketPath: string): Promise<void> {
  const socket = connect(socketPath);
  socket.on('error', () => {}); // the agent may hang up first
  const half = [
    'GET /v1/status HTTP/1.1\r\nHost',
    'PUT /v1/deks/x?import=wrapped HTTP/1.1\r\nContent-Length: 40\r\n\r\nabc',
  ];
  socket.write(randomInt(2) ? randomBytes(randomInt(1, 2000)) : half[randomInt(2)]!);
  await new Promise((sent) => setTimeout(sent, 2));
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
}
