/** What hangs must not wedge an agent: each test has something that never comes, and looks what still works. */
import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {type ClientRequest, request} from 'node:http';
import {connect} from 'node:net';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import type {CreateOptions} from '../../src/virtual/virtual.js';
import {apply, held, setOf, vols, writeManifestFile} from '../support/agent/agent-manifests.js';
import {AgentProcess, DEK, live, NOTHING, wrappedDek} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {skipWithout} from '../support/skip.js';
import {until} from '../support/until.js';

/** Room for a machine that is busy: what hangs would do so for ever. */
const SOON_MS = 8000;
const NOBODY = 65_534;
const GAMES = 60;

describe('what hangs', () => {
  let device: TestDevice;
  let agent: AgentProcess | undefined;
  let pipe: string;
  const children: ChildProcess[] = [];

  async function prepare(options: CreateOptions): Promise<void> {
    device = await testDevice(options);
    pipe = join(device.directory, 'pipe');
    expect(spawnSync('mkfifo', ['-m', '600', pipe]).status).to.equal(0);
  }

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await agent?.end('SIGKILL');
    agent = undefined;
    device.remove();
  });

  /** Sends a request and leaves it to the caller to wait or to go away. */
  function send(method: string, path: string, body?: Uint8Array): ClientRequest {
    const sent = request({socketPath: agent!.socket, method, path, agent: false});
    sent.on('error', () => {});
    sent.end(body);
    return sent;
  }

  /** Ends the agent by SIGTERM: its exit status, when it comes within `ms`. */
  async function endedWithin(ms: number): Promise<unknown> {
    const before = performance.now();
    const status = await Promise.race([agent!.end(), pause(ms, 'it lives', {ref: false})]);
    expect(performance.now() - before).to.be.lessThan(ms + 1000);
    return status;
  }

  describe('a source of the KEK', () => {
    const kekPath = (): string =>
      `/v1/apply?path=${writeManifestFile(device, vols(1, 3), {login: false})}&kek=file:${pipe}`;
    const goodKek = (): string => `file:${device.nic.kekFile}`;

    beforeEach(async () => {
      await prepare({settings: {importMode: 'plaintext'}});
      agent = await AgentProcess.start(device);
    });

    it('is given up when the client leaves', async () => {
      const sent = send('POST', kekPath());
      await pause(300);
      expect((await thrownBy(() => apply(agent!, undefined, {}))).code).to.be.oneOf(['BUSY', 'NO_INPUT']);
      sent.destroy();
      await until(() => agent!.log.includes('"event":"apply-failed"'));
      await apply(agent!, writeManifestFile(device, vols(1, 3), {login: false}), {kek: goodKek()});
      expect(await held(agent!)).to.deep.equal(setOf(vols(1, 3)));
    });

    it('is given up after ten seconds', async () => {
      await agent!.end();
      agent = await AgentProcess.start(device, {fastClock: true});
      const error = await thrownBy(() =>
        apply(agent!, writeManifestFile(device, vols(1, 3), {login: false}), {kek: `file:${pipe}`}),
      );
      expect([error.code, error.message]).to.deep.equal(['IO', `"kek" file:${pipe} gave nothing for 10 s`]);
      expect(agent!.log).to.not.include('waiting for');
    });

    it('may be a pipe that is written a little later', async () => {
      const writer = spawn('sh', ['-c', `sleep 0.5; cat "${device.nic.kekFile}" > "${pipe}"`]);
      children.push(writer);
      await apply(agent!, writeManifestFile(device, vols(1, 3), {login: false}), {kek: `file:${pipe}`});
      expect(await held(agent!)).to.deep.equal(setOf(vols(1, 3)));
    });

    it('does not keep the agent from its end', async () => {
      send('POST', kekPath());
      await pause(300);
      expect(await endedWithin(SOON_MS)).to.equal(0);
      expect(live(device)).to.deep.equal(NOTHING);
    });

    it('does not keep a heal from others', async () => {
      children.push(spawn('sh', ['-c', `cat "${device.nic.kekFile}" > "${pipe}"`]));
      const path = writeManifestFile(device, vols(1, 3), {login: false});
      await apply(agent!, path, {kek: `file:${pipe}`});
      await agent!.end();
      children.push(spawn('sh', ['-c', `cat "${device.nic.kekFile}" > "${pipe}"`]));
      const args = ['--check-interval', '1', '--manifest', path, '--kek', `file:${pipe}`];
      agent = await AgentProcess.start(device, {args});
      device.nic.set({dekErrors: [{which: 'all'}]});
      await until(async () => (await agent!.client.status()).deks.error === 3, 'a check has come');
      const before = performance.now();
      await agent.client.destroyDeks({names: ['vol-3']});
      expect(performance.now() - before).to.be.lessThan(SOON_MS);
      expect(await endedWithin(SOON_MS)).to.equal(0);
    });

    it('does not keep an agent that starts from its end', async () => {
      await agent!.end();
      const path = writeManifestFile(device, vols(1, 3), {login: false});
      const words = [DEK, 'agent', '--socket', agent!.socket, '--manifest', path, '--kek', `file:${pipe}`];
      const child = device.spawn(process.execPath, words, {stdio: ['ignore', 'ignore', 'pipe']});
      children.push(child);
      const log = text(child.stderr!);
      const exit = once(child, 'exit');
      await until(() => fs.existsSync(agent!.socket));
      child.kill('SIGTERM');
      expect(await exit).to.deep.equal([1, null]);
      expect(await log).to.match(/^error: "kek" (.* )?is not waited for any more: interrupted$/m);
    });
  });

  it('is not named by a member of the group', async function () {
    skipWithout('root', this); // becoming another user needs root
    await prepare({settings: {importMode: 'plaintext'}});
    fs.chmodSync(device.directory, 0o755);
    const socket = join(device.directory, 'dek', 'agent.sock');
    agent = await AgentProcess.start(device, {socket, args: ['--group', `${GAMES}`]});
    const path = writeManifestFile(device, vols(1, 3), {login: false});
    for (const [method, where] of [
      ['POST', `/v1/apply?path=${path}&kek=file:${device.nic.kekFile}`],
      ['PUT', '/v1/deks/x?import=plaintext&fd=0'],
    ]) {
      const identity = ['--reuid', `${NOBODY}`, '--regid', `${GAMES}`, '--clear-groups'];
      const curl = ['curl', '-s', '-X', method!, '--unix-socket', socket, `http://dek${where}`];
      const answer = execFileSync('setpriv', [...identity, ...curl], {encoding: 'utf8'});
      expect(JSON.parse(answer).error).to.include({
        code: 'PERMISSION',
        message: `user id ${NOBODY} may not name a source of secrets to this agent`,
      });
    }
  });

  it('is a descriptor that gives nothing: neither its client nor the end of the agent waits', async () => {
    await prepare({settings: {importMode: 'plaintext'}});
    agent = await AgentProcess.start(device);
    const fd = fs.openSync(pipe, 'r+'); // with a writer that writes nothing
    try {
      const sent = send('PUT', `/v1/deks/x?import=plaintext&fd=${fd}`);
      const second = send('PUT', `/v1/deks/y?import=plaintext&fd=${fd}`);
      await pause(300);
      sent.destroy();
      expect(await endedWithin(SOON_MS)).to.equal(0);
      second.destroy();
    } finally {
      fs.closeSync(fd);
    }
  });

  it('is half a body: the end of the agent does not wait', async () => {
    await prepare({});
    agent = await AgentProcess.start(device);
    const client = connect(agent.socket);
    client.on('error', () => {});
    client.write('PUT /v1/deks/x?import=wrapped HTTP/1.1\r\nHost: dek\r\nContent-Length: 40\r\n\r\n0123456789');
    await pause(300);
    expect(await endedWithin(SOON_MS)).to.equal(0);
    client.destroy();
  });

  describe('a NIC that is slow', () => {
    beforeEach(async () => {
      await prepare({settings: {latencyUs: 1_000_000}});
      agent = await AgentProcess.start(device);
      await agent.login();
    });

    const create = (name: string, seed: number): ClientRequest =>
      send('PUT', `/v1/deks/${name}?import=wrapped`, wrappedDek(device, seed));

    it('makes nothing for a client that has gone before its turn', async () => {
      create('first', 1);
      await pause(200);
      const second = create('second', 2);
      await pause(200);
      second.destroy();
      await agent!.create('third', 3);
      expect((await agent!.client.status()).deks.total).to.equal(2);
      expect(live(device).deks).to.equal(2);
    });

    it('takes back what it made for a client that went away meanwhile', async () => {
      const only = create('only', 1);
      await pause(300);
      only.destroy();
      await agent!.create('next', 2);
      expect((await agent!.client.status()).deks.total).to.equal(1);
      expect(live(device).deks).to.equal(1);
    });
  });

  it('is a NIC that does not answer: the agent ends all the same', async () => {
    await prepare({});
    agent = await AgentProcess.start(device, {fastClock: true});
    await agent.login();
    await agent.create('x');
    // Whoever holds this lock keeps the next create on the virtual NIC waiting.
    const script =
      "import fcntl, sys, time; f = open(sys.argv[1], 'r+'); " +
      'fcntl.lockf(f, fcntl.LOCK_EX, 1); print(1, flush=True); time.sleep(60)';
    const dekSet = spawn('python3', ['-c', script, join(device.directory, 'mlx5_0.nvram')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(dekSet);
    await once(dekSet.stdout!, 'data');
    await pause(1100); // so that the next command is not made on the agent's main thread
    send('PUT', '/v1/deks/y?import=wrapped', wrappedDek(device, 2));
    await pause(300);
    expect(await endedWithin(10_000)).to.equal(1);
    expect(agent.log).to.include('"event":"end-hangs"');
  });
});
