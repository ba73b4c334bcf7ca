import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {logged, untilLogged} from '../support/agent/agent-log.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {fleetPath, writeFleet} from '../support/manifest/fleet-file.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {until} from '../support/until.js';

/** The service manager's end: a line in hex for each datagram. */
const LISTENER = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
print("bound", flush=True)
while True: print(s.recv(4096).hex(), flush=True)`;

describe('systemd', () => {
  let device: TestDevice;
  let listener: ChildProcess;
  let agent: AgentProcess | undefined;
  let socket: string;
  let lines: string;

  beforeEach(async () => {
    device = await testDevice();
    socket = join(device.directory, 'notify.sock');
    lines = '';
    listener = device.spawn('/usr/bin/python3', ['-c', LISTENER, socket], {stdio: ['ignore', 'pipe', 'inherit']});
    listener.stdout!.on('data', (text) => {
      lines += text;
    });
    await until(() => lines.startsWith('bound\n'), 'the socket is bound');
  });
  afterEach(async () => {
    await agent?.end();
    agent = undefined;
    await stopListening();
    device.remove();
  });

  async function stopListening(): Promise<void> {
    if (listener.exitCode !== null || listener.signalCode !== null) return;
    const exit = once(listener, 'exit');
    listener.kill();
    await exit;
  }

  async function start(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<AgentProcess> {
    agent = await AgentProcess.start(device, {
      args: ['--check-interval', '1', ...args],
      env: {NOTIFY_SOCKET: socket, ...env},
    });
    return agent;
  }

  /** The datagrams so far, each as its lines. */
  const told = (): string[][] =>
    lines
      .slice(0, lines.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(1, -1)
      .map((hex) => Buffer.from(hex, 'hex').toString().split('\n'))
      // What it is to keep: store/store.nic.test.ts.
      .filter(([first]) => !first!.startsWith('FDSTORE'));
  const toldOf = (state: string): number => told().filter((datagram) => datagram.includes(state)).length;
  const untilTold = (state: string, times = 1): Promise<void> =>
    until(
      () => toldOf(state) >= times,
      () => `${state}, after ${JSON.stringify(told())}`,
    );

  it('hears READY with the DEKs of the manifest, and STOPPING', async () => {
    const running = await start(['--manifest', await writeFleet(device, {count: 300})]);
    await running.end();
    await untilTold('STOPPING=1');
    expect(told()[0]).to.deep.equal(['READY=1', 'STATUS=300 of 300 DEKs READY on mlx5_0']);
    expect(told().at(-1)).to.deep.equal(['STOPPING=1']);
  });

  it('hears nothing of an agent that did not start', async () => {
    let failed = false;
    await start(['--manifest', join(device.directory, 'missing')]).catch(() => {
      failed = true;
    });
    expect(failed).to.equal(true);
    await pause(200);
    expect(told()).to.deep.equal([]);
  });

  it('hears a new STATUS after an apply', async () => {
    const running = await start();
    await untilTold('READY=1');
    expect(told()[0]).to.deep.equal(['READY=1', 'STATUS=holding no DEKs on mlx5_0']);
    const path = await writeFleet(device, {count: 3});
    await running.client.apply({path, kek: undefined, dryRun: false, keepGoing: false});
    await untilTold('STATUS=3 of 3 DEKs READY on mlx5_0');
  });

  it('hears a STATUS that counts what could not be healed', async () => {
    await start(['--manifest', await writeFleet(device, {count: 3})]);
    device.nic.set({faults: [{command: 'create', object: 'dek', times: 'always'}], dekErrors: [{which: 'all'}]});
    await untilTold('STATUS=0 of 3 DEKs READY on mlx5_0');
    device.nic.set({faults: []});
    await untilTold('STATUS=3 of 3 DEKs READY on mlx5_0', 2);
  });

  it('hears RELOADING with the time, then READY, on SIGHUP', async () => {
    const running = await start(['--manifest', await writeFleet(device, {count: 3})]);
    await writeFleet(device, {count: 5});
    const before = process.hrtime.bigint() / 1000n;
    running.child.kill('SIGHUP');
    await untilTold('READY=1', 2);
    const reload = told().findIndex((datagram) => datagram[0] === 'RELOADING=1');
    const [name, since] = told()[reload]![1]!.split('=');
    expect(name).to.equal('MONOTONIC_USEC');
    expect(BigInt(since!) >= before && BigInt(since!) <= process.hrtime.bigint() / 1000n).to.equal(true);
    const ready = told().findIndex((datagram, i) => i > reload && datagram[0] === 'READY=1');
    expect(told()[ready]).to.deep.equal(['READY=1', 'STATUS=5 of 5 DEKs READY on mlx5_0']);
    expect(toldOf('RELOADING=1')).to.equal(1);
  });

  it('hears READY also after a reload that failed, and the DEKs stay', async () => {
    const running = await start(['--manifest', await writeFleet(device, {count: 3})]);
    await writeFleet(device, {count: 5, change: (dek) => ({...dek, wrapped: dek.wrapped.fill(1, 39)})});
    running.child.kill('SIGHUP');
    await untilTold('READY=1', 2);
    expect(logged(running, 'reload-failed')[0]?.['error']).to.include('nothing was changed');
    expect((await running.client.status()).deks).to.include({total: 3, ready: 3});
  });

  it('reloads once more for a SIGHUP that comes during a reload', async () => {
    const running = await start(['--manifest', await writeFleet(device, {count: 3})]);
    device.nic.set({latencyUs: 50_000});
    await writeFleet(device, {count: 200});
    running.child.kill('SIGHUP');
    await untilTold('RELOADING=1');
    await writeFleet(device, {count: 7});
    running.child.kill('SIGHUP');
    await until(() => logged(running, 'apply').length === 3, 'both were applied');
    device.nic.set({latencyUs: 0});
    await untilTold('STATUS=7 of 7 DEKs READY on mlx5_0');
    expect(logged(running, 'reload-failed')).to.deep.equal([]);
  });

  it('hears WATCHDOG again and again when it asks for that', async () => {
    await start([], {WATCHDOG_USEC: '200000'});
    await untilTold('WATCHDOG=1', 3);
  });

  for (const [what, env] of [
    ['it does not ask for it', {}],
    ['it watches another process', {WATCHDOG_USEC: '20000', WATCHDOG_PID: '1'}],
  ] as const) {
    it(`hears no WATCHDOG when ${what}`, async () => {
      const running = await start([], env);
      await pause(200);
      await running.end();
      await untilTold('STOPPING=1');
      expect(toldOf('WATCHDOG=1')).to.equal(0);
    });
  }

  it('may go away: the agent serves on, reloads, and ends in good order', async () => {
    const running = await start(['--manifest', await writeFleet(device, {count: 3})], {WATCHDOG_USEC: '20000'});
    await untilTold('WATCHDOG=1');
    await stopListening();
    await pause(100);
    running.child.kill('SIGHUP');
    await until(() => logged(running, 'apply').length === 2, 'the reload is done');
    await untilLogged(running, 'apply', ({path}) => path === fleetPath(device));
    expect((await running.client.status()).deks.ready).to.equal(3);
    expect(await running.end()).to.equal(0);
  });
});
