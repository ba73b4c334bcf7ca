/** Nothing that comes after an upgrade does the agent harm: it answers the next, and no descriptor is left open. */
import {spawn} from 'node:child_process';
import {closeSync, openSync, readdirSync} from 'node:fs';
import {connect} from 'node:net';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {closeAll} from '../../../src/agent/lending/connection.js';
import {AgentConnection} from '../../../src/agent/service/agent-connection.js';
import {type AgentRecord, requestRecord} from '../../../src/agent/service/agent-records.js';
import {sealedMemory, sendMessage} from '../../../src/agent/wire/ffi.js';
import {writeTable} from '../../../src/agent/wire/table.js';
import {vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {Service} from '../../support/agent/service.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const ROUNDS = process.env['SLOW'] ? 3000 : 60;
const UPGRADE = 'GET /v1/attach HTTP/1.1\r\nHost: dek\r\nConnection: Upgrade\r\nUpgrade: dek-attach/1\r\n\r\n';

describe('agent and what comes after an upgrade', () => {
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

  const openFiles = (): number => readdirSync(`/proc/${agent.child.pid}/fd`).length;

  /** Sends these, with descriptors at the first byte, and waits a moment or for the end. */
  async function send(bytes: Uint8Array, fds: number[], waits: boolean): Promise<void> {
    const socket = connect({path: agent.socket});
    let answer = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(UPGRADE);
    await until(() => answer.includes('\r\n\r\n') || socket.destroyed, 'the answer to the upgrade');
    const {fd} = (socket as unknown as {_handle: {fd: number}})._handle;
    if (bytes.length > 0) sendMessage(fd, bytes, fds);
    if (waits) await Promise.race([new Promise((resolve) => socket.once('close', resolve)), pause(200)]);
    socket.destroy();
  }

  it('survives bytes of any kind, with descriptors of any kind', async () => {
    const before = openFiles();
    const nothing = openSync('/dev/null', 'r');
    const table = sealedMemory('t', writeTable({nic: 'x', pdHandle: 1, serial: 1, entries: [], others: []}));
    const lend = (presents: boolean): Buffer => requestRecord('lend', {pdHandle: 1, nic: '', names: ['a*'], presents});
    for (let round = 0; round < ROUNDS; round++) {
      const random = Buffer.from(Array.from({length: round % 40}, () => Math.floor(Math.random() * 256)));
      const harmed = Buffer.from(lend(round % 2 === 0));
      harmed[Math.floor(Math.random() * harmed.length)] = Math.floor(Math.random() * 256);
      const bytes = [random, harmed, lend(false), lend(true), lend(false).subarray(0, 20)][round % 5]!;
      const fds = [[], [nothing], [nothing, table], [table, nothing], [nothing, nothing, nothing, nothing]][
        (round % 7) % 5
      ]!;
      await send(bytes, fds, round % 3 === 0);
    }
    closeSync(nothing);
    closeSync(table);
    expect((await agent.client.status()).deks.ready).to.equal(3);
    await until(
      () => openFiles() <= before,
      () => `${openFiles()} open files, ${before} before`,
    );
  });

  it('refuses bytes before its answer, and another upgrade', async () => {
    const ask = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({path: agent.socket}, () => socket.write(text));
        let answer = '';
        socket.on('data', (data) => {
          answer += data.toString('latin1');
        });
        socket.on('error', () => {});
        socket.once('close', () => resolve(answer));
      });
    expect(await ask(`${UPGRADE}early`)).to.include('bytes before the answer');
    const answer = await ask(UPGRADE.replace('dek-attach/1', 'websocket'));
    expect(answer).to.match(/426 Upgrade Required.*"code":"BAD_ARGUMENT","message":"only GET \/v1\/attach upgrades/s);
  });

  it('hears no more of one that has gone before its answer, and cuts off one that stays after it', async () => {
    const upgrade = UPGRADE.replace('dek-attach/1', 'websocket');
    for (let i = 0; i < 50; i++) {
      await new Promise<void>((resolve) => {
        const socket = connect({path: agent.socket}, () => socket.end(upgrade, () => socket.destroy()));
        socket.once('close', () => resolve());
      });
    }
    const before = openFiles();
    const stays = connect({path: agent.socket, allowHalfOpen: true}, () => stays.write(upgrade));
    stays.on('error', () => {}).resume();
    await new Promise((resolve) => stays.once('end', resolve));
    await until(() => openFiles() <= before, 'its end of the connection is closed');
    stays.destroy();
    expect((await agent.client.status()).deks.ready).to.equal(3);
  });

  it('answers others while clients send without an end what it skips', async () => {
    const flood = `import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode())
try:
    while True: s.sendall(bytes.fromhex(sys.argv[3]) * 64)
except OSError: pass`;
    const skipped = Buffer.alloc(8);
    skipped.writeUInt16LE(0x8000);
    const args = ['-c', flood, agent.socket, UPGRADE, skipped.toString('hex')];
    const floods = [1, 2, 3].map(() => spawn('/usr/bin/python3', args, {stdio: 'ignore'}));
    try {
      await pause(500);
      for (let i = 0; i < 5; i++) {
        const status = agent.client.status();
        const first = await Promise.race([status, pause(5000, undefined, {ref: false})]);
        expect(first?.deks.ready).to.equal(3);
      }
    } finally {
      for (const child of floods) child.kill('SIGKILL');
    }
  });

  it('tells a tenant why its connection ends', async () => {
    const attach = requestRecord('attach', {pdHandle: 0, nic: '', names: [], presents: false});
    // Not read by Node: libuv takes a message with a descriptor for all that there is, and what follows is lost to it.
    const connection = await AgentConnection.open(agent.socket, AbortSignal.timeout(30_000));
    connection.send(Buffer.concat([attach, attach]));
    const said: AgentRecord[] = [];
    for (let got = await connection.receive(); got; got = await connection.receive()) {
      closeAll(got.fds);
      said.push(got.record);
    }
    const reason = said.at(-1);
    expect(reason?.type === 'refusal' && reason.text).to.include('a second LEND or ATTACH');
    expect((await agent.client.status()).contexts[0]!.pid).to.equal(null);
  });

  it('serves the next one', async () => {
    const service = new Service(device);
    expect(await service.attach(agent.socket)).to.have.length(3);
    await service.end();
  });
});
