/** contrib/fleet/dek-fleet-start on the virtual ConnectX, by whatever sh is. */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {AgentClient} from '../../src/agent/client.js';
import {DEK, live, NOTHING} from '../support/agent/agent-process.js';
import {placeManifest} from '../support/manifest/manifest-of.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {until} from '../support/until.js';

const SCRIPT = fileURLToPath(new URL('../../../contrib/fleet/dek-fleet-start', import.meta.url));

describe('dek-fleet-start', () => {
  let device: TestDevice;
  let manifest: string;
  let socket: string;

  beforeEach(async () => {
    device = await testDevice();
    manifest = join(device.directory, 'manifest');
    socket = join(device.directory, 'run', 'agent.sock');
    await placeManifest(device, manifest, 5);
  });
  afterEach(async () => {
    const pid = await agentPid();
    if (pid !== undefined) await kill(pid, 'SIGTERM');
    device.remove();
  });

  const args = (): string[] => ['-m', manifest, '-s', socket, '-l', join(device.directory, 'log'), '-t', '100'];
  /** Runs it to its end: its status, and its two outputs without the prefix. */
  function start(...more: string[]): {status: number | null; stdout: string; stderr: string} {
    const {status, stdout, stderr} = device.run('sh', [SCRIPT, ...args(), ...more], {env: {DEK}});
    const bare = (text: string): string => text.replaceAll('dek-fleet-start: ', '');
    return {status, stdout: bare(stdout), stderr: bare(stderr)};
  }

  /** The process of the agent that answers, if one does. */
  const agentPid = (): Promise<number | undefined> =>
    new AgentClient(socket).status().then(
      ({pid}) => pid,
      () => undefined,
    );

  async function kill(pid: number, signal: NodeJS.Signals): Promise<void> {
    process.kill(pid, signal);
    await until(() => live(device).contexts === 0);
  }

  it('starts an agent that holds the manifest', async () => {
    const {status, stdout, stderr} = start();
    expect({status, stderr}).to.deep.equal({status: 0, stderr: ''});
    expect(stdout).to.equal(`started an agent, process ${await agentPid()}\nREADY: 5: 5 READY\n`);
    expect(live(device).deks).to.equal(5);
  });

  it('starts no second agent when the socket of the first was removed', async () => {
    start();
    const pid = await agentPid();
    fs.unlinkSync(socket);
    const {status, stdout, stderr} = start();
    expect({status, stdout, stderr}).to.deep.equal({
      status: 0,
      stdout: 'nothing to do\nREADY: 5: 5 READY\n',
      stderr: '',
    });
    expect(await agentPid()).to.equal(pid);
    expect(live(device).deks).to.equal(5);
  });

  it('has nothing to do the second time', async () => {
    start();
    const pid = await agentPid();
    expect(start()).to.deep.equal({status: 0, stdout: 'nothing to do\nREADY: 5: 5 READY\n', stderr: ''});
    expect(await agentPid()).to.equal(pid);
  });

  it('applies what changed to the agent that runs', async () => {
    start();
    await placeManifest(device, manifest, 7);
    expect(start().stdout).to.equal(
      'applied: 2 to create, 0 to replace, 0 re-wrapped, 0 to destroy, 5 unchanged\nREADY: 7: 7 READY\n',
    );
    expect(live(device).deks).to.equal(7);
  });

  it('starts another agent when one was killed', async () => {
    start();
    await kill((await agentPid())!, 'SIGKILL');
    expect(live(device)).to.deep.equal(NOTHING);
    const {status, stdout} = start();
    expect(status).to.equal(0);
    expect(stdout).to.match(/^started an agent, process \d+\nREADY: 5: 5 READY\n$/);
    expect(live(device).deks).to.equal(5);
  });

  it('says what is wrong with a manifest, and leaves no agent behind', async () => {
    fs.appendFileSync(manifest, '{"name":"vol-6"}\n');
    const {status, stdout, stderr} = start();
    expect({status, stdout}).to.deep.equal({status: 2, stdout: ''});
    expect(stderr).to.match(/^error: line 7: /m);
    expect(await agentPid()).to.equal(undefined);
    expect(live(device)).to.deep.equal(NOTHING);
  });

  it('leaves the DEKs as they are when the manifest turned bad', () => {
    start();
    fs.appendFileSync(manifest, '{"name":"vol-6"}\n');
    const {status, stderr} = start();
    expect(status).to.equal(2);
    expect(stderr).to.match(/^error: the agent keeps the DEKs that it had: .*line 7: /);
    expect(live(device).deks).to.equal(5);
  });

  it('passes on that the NIC refused', () => {
    device.nic.set({faults: [{command: 'create', object: 'dek', times: 'always'}]});
    const {status, stderr} = start();
    expect(status).to.equal(4);
    expect(stderr).to.match(/^error: .*vol-/m);
    expect(live(device)).to.deep.equal(NOTHING);
  });

  it('starts one agent when it is run many times at once', async () => {
    const runs = Array.from({length: 4}, () => device.spawn('sh', [SCRIPT, ...args()], {env: {DEK}, stdio: 'ignore'}));
    const statuses = await Promise.all(runs.map((run) => new Promise((resolve) => run.once('exit', resolve))));
    expect(statuses).to.deep.equal([0, 0, 0, 0]);
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 5});
  });

  it('gives up after its time when another run holds the lock', () => {
    fs.mkdirSync(join(device.directory, 'run'), {mode: 0o700});
    const script = `exec flock "$0.lock" sh "$@"`;
    const {status, stderr} = device.run('sh', ['-c', script, socket, SCRIPT, ...args(), '-t', '1'], {env: {DEK}});
    expect(status).to.equal(5);
    expect(stderr).to.include('another run holds');
  });

  for (const [what, wrong, message] of [
    ['an option that is not there', ['-x'], 'there is no option -x'],
    ['an option without its value', ['-m'], '-m needs a value'],
    ['an empty word', ['-s', ''], '-s is empty'],
    ['an argument', ['now'], 'unexpected argument: now'],
    ['a time that is no number', ['-t', 'long'], '-t expected a number of seconds, got long'],
  ] as const) {
    it(`refuses ${what}`, () => {
      const {status, stderr} = start(...wrong);
      expect(status).to.equal(2);
      expect(stderr).to.include(message);
    });
  }
});
