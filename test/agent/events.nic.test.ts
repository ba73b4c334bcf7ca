import {once} from 'node:events';
import fs from 'node:fs';
import {connect} from 'node:net';
import {expect} from 'chai';
import type {AgentEvent} from '../../src/agent/events.js';
import {allReady, untilHealed, untilLogged} from '../support/agent/agent-log.js';
import {type AgentProcess, agentForEach, DEK, wrappedDek} from '../support/agent/agent-process.js';
import {writeFleet} from '../support/manifest/fleet-file.js';
import type {TestDevice} from '../support/nic/device.js';
import {needlesOf} from '../support/process/memory.js';
import {until} from '../support/until.js';

describe('events', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  agentForEach(['--check-interval', '1'], (...own) => {
    [device, agent] = own;
  });

  /** Follows the agent from now on; `heard` grows, `ended` resolves when the stream has ended well. */
  async function follow(): Promise<{heard: AgentEvent[]; ended: Promise<void>}> {
    const stream = agent.client.events();
    const heard = [(await stream.next()).value as AgentEvent];
    const ended = (async () => {
      for await (const event of stream) heard.push(event);
    })();
    return {heard, ended};
  }

  const namesOf = (events: readonly AgentEvent[]): string[] => events.map(({event}) => event);

  it('begins with the status, goes on with what happens, in order, and ends with the agent', async () => {
    const {heard, ended} = await follow();
    await agent.login();
    await agent.create('vol-1');
    await agent.client.destroyDeks({all: true});
    await agent.client.logout();
    await agent.end();
    await ended;
    expect(namesOf(heard)).to.deep.equal(['status', 'login', 'create', 'destroy', 'logout']);
    expect(heard[0]).to.deep.include({
      level: 'info',
      deks: {total: 0, ready: 0, error: 0, unknown: 0, proven: 0, wrong: 0},
    });
    expect(heard[2]).to.include({name: 'vol-1', keySize: 128, keytag: false, import: 'wrapped', level: 'info'});
    const times = heard.map(({time}) => time);
    expect(times).to.deep.equal([...times].sort());
    for (const time of times) expect(new Date(time).toISOString()).to.equal(time);
  });

  it('tells of apply, login, heal, device-gone and device-back, as the log does', async () => {
    const {heard, ended} = await follow();
    const path = await writeFleet(device, {count: 3});
    await agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: false});
    device.nic.set({dekErrors: [{which: 'all'}]});
    await untilHealed(agent, 3);
    device.nic.set({dekErrors: [], gone: true});
    await untilLogged(agent, 'device-gone');
    device.nic.set({gone: false});
    await untilLogged(agent, 'device-back');
    await allReady(agent);
    await agent.end();
    await ended;
    const names = namesOf(heard).filter((name, i, all) => name !== all[i - 1]); // checks may share what is healed
    expect(names).to.deep.equal([
      ...['status', 'login', 'apply', 'heal'],
      ...['device-gone', 'device-back', 'login', 'heal'],
    ]);
    expect(heard[2]).to.include({path, create: 3, replace: 0, destroy: 0, unchanged: 0, failed: 0});
    expect(heard.find(({event}) => event === 'device-back')).to.include({device: 'mlx5_0', missingDeks: 3});
    const log = agent.log.split('\n');
    for (const event of heard.slice(1)) expect(log).to.include(JSON.stringify(event));
  });

  it('has no key in it, in plaintext or wrapped', async () => {
    const {heard, ended} = await follow();
    await agent.login();
    await agent.create('vol-1', 77);
    const path = await writeFleet(device, {count: 3});
    await agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: false});
    device.nic.set({dekErrors: [{which: 'all'}]});
    await untilHealed(agent, 3);
    await agent.end();
    await ended;
    const told = Buffer.from(JSON.stringify(heard) + agent.log);
    const secrets = {
      KEK: device.kek,
      credential: device.credential,
      'wrapped credential': device.wrappedCredential,
      'wrapped DEK': wrappedDek(device, 77),
    };
    const needles = Object.entries(secrets).flatMap(([name, bytes]) => needlesOf(name, bytes));
    expect(needles.filter(({bytes}) => told.includes(Buffer.from(bytes))).map(({name}) => name)).to.deep.equal([]);
    const wrapped = fs.readFileSync(path, 'utf8').match(/"wrapped":"[^"]+/g)!;
    for (const text of wrapped) expect(told.includes(text.slice(11, 43))).to.equal(false);
  });

  it('`dek status --follow` prints the status, then a JSON line each, and ends with the agent', async () => {
    const child = device.spawn(process.execPath, [DEK, 'status', '--follow', '--socket', agent.socket]);
    let [stdout, stderr] = ['', ''];
    child.stdout!.on('data', (text) => {
      stdout += text;
    });
    child.stderr!.on('data', (text) => {
      stderr += text;
    });
    const exit = once(child, 'close');
    await until(() => stdout.includes('"event":"status"'), 'the stream has begun');
    await agent.login();
    await agent.create('vol-1');
    await until(() => stdout.includes('"event":"create"'), 'the create is told');
    await agent.end();
    await exit;
    const events = stdout.split('\n').filter((line) => line.startsWith('{'));
    expect(namesOf(events.map((line) => JSON.parse(line)))).to.deep.equal(['status', 'login', 'create']);
    expect(stdout).to.match(/^state: .*\n(.+\n)*agent: /);
    expect(stderr).to.equal('');
  });

  it('cuts off a client that never reads, and nobody else', async () => {
    const deaf = connect(agent.socket);
    await once(deaf, 'connect');
    deaf.pause();
    let cutOff = false;
    deaf.on('error', () => {
      cutOff = true;
    });
    deaf.write('GET /v1/events HTTP/1.1\r\nHost: dek\r\n\r\n');
    const {heard, ended} = await follow();
    // Its refusal tells the path twice: about 8 KiB an event.
    const path = `/${'missing/'.repeat(500)}`;
    let tries = 0;
    for (; !cutOff && tries < 2000; tries++) {
      await agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: false}).catch(() => {});
      deaf.write('\r\n'); // it is told only when it writes: what it was sent still waits to be read
    }
    expect(cutOff, `after ${tries} events of 8 KiB`).to.equal(true);
    await until(() => heard.length === tries + 1, 'the other one has heard all');
    deaf.destroy();
    await agent.end();
    await ended;
  });
});
