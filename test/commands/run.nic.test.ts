import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {dirname, relative} from 'node:path';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {live, NOTHING, wrappedDek} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {DEK} from '../support/process/run-dek.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {until} from '../support/until.js';

const RUN = `"${process.execPath}" "${DEK}" run`;

describe('run', () => {
  let device: TestDevice;

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(() => {
    expect(live(device), 'on the NIC').to.deep.equal(NOTHING);
    device.remove();
  });

  /** Runs `dek run ARGS` on the NIC to its end. */
  const dekRun = (args: readonly string[], options: {input?: string; env?: NodeJS.ProcessEnv} = {}) =>
    device.run(process.execPath, [DEK, 'run', ...args], options);

  /** Starts `dek run -- bash -c SCRIPT` and waits until the script has said "ready"; `done` is all that it prints. */
  async function start(script: string): Promise<{child: ChildProcess; done: Promise<string>}> {
    const child = device.spawn(process.execPath, [DEK, 'run', '--', 'bash', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ready = once(child.stdout!, 'data');
    const done = text(child.stdout!);
    expect(`${(await ready)[0]}`).to.match(/^ready/);
    return {child, done};
  }

  /** Commands of a script that make a login and a DEK. */
  function makeDek(): string {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    return `dek() { "${process.execPath}" "${DEK}" "$@" >/dev/null; }
      printf ${hex(device.wrappedCredential)} |
        dek login --credential - --credential-id ${device.credentialId} --import-kek-id ${device.kekId}
      printf ${hex(wrappedDek(device))} | dek create vol-1 -`;
  }

  for (const status of [0, 1, 42, 255]) {
    it(`exits with ${status} when CMD does`, () => {
      const run = dekRun(['--', 'sh', '-c', `exit ${status}`]);
      expect(run).to.include({status, stdout: '', stderr: ''});
    });
  }

  for (const [signal, status] of [
    ['KILL', 137],
    ['TERM', 143],
    ['ABRT', 134],
  ] as const) {
    it(`exits with ${status} when SIG${signal} kills CMD`, () => {
      expect(dekRun(['--', 'sh', '-c', `ulimit -c 0; kill -${signal} $$`])).to.include({status, stderr: ''});
    });
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) {
    it(`passes ${signal} on to CMD and waits for its end`, async () => {
      const {child, done} = await start(
        `trap 'echo got ${signal}; exit 9' ${signal}; echo ready; while :; do sleep 0.02; done`,
      );
      const exit = once(child, 'exit');
      child.kill(signal);
      expect((await exit)[0]).to.equal(9);
      expect(await done).to.match(new RegExp(`got ${signal}\n$`));
    });
  }

  it('gives CMD an agent of its own, and removes its socket and directory afterwards', () => {
    const script = 'echo "$DEK_AGENT_SOCKET"; stat -c %a "$DEK_AGENT_SOCKET" "$(dirname "$DEK_AGENT_SOCKET")"';
    const {stdout, status} = dekRun(['--', 'sh', '-c', script], {env: {DEK_AGENT_SOCKET: '/nowhere/agent.sock'}});
    const [socket, ...modes] = stdout.trim().split('\n');
    expect([status, modes]).to.deep.equal([0, ['600', '700']]);
    expect(socket)
      .to.match(/^\/.*\/agent\.sock$/)
      .and.not.equal('/nowhere/agent.sock');
    expect(fs.existsSync(dirname(socket!))).to.equal(false);
  });

  it('ends the agent and what CMD left in it', async () => {
    const {child, done} = await start(`${makeDek()} && echo ready && read -r line; exit 3`);
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 1});
    const exit = once(child, 'exit');
    child.stdin!.end('go on\n');
    expect((await exit)[0]).to.equal(3);
    await done;
  });

  it('killed with SIGKILL leaves nothing on the NIC', async () => {
    const {child, done} = await start(`${makeDek()} && echo ready "$DEK_AGENT_SOCKET"; read -r line`);
    expect(live(device).deks).to.equal(1);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await until(() => live(device).contexts === 0);
    child.stdin!.end(); // ends CMD, which nobody else does
    const socket = /^ready (.*)\n/.exec(await done)?.[1];
    fs.rmSync(dirname(socket!), {recursive: true});
  });

  it('hands its stdin, stdout and stderr to CMD', () => {
    const run = dekRun(['--', 'sh', '-c', 'cat; echo to stderr >&2'], {input: 'through\n'});
    expect(run).to.include({stdout: 'through\n', stderr: 'to stderr\n', status: 0});
  });

  it('hands CMD its arguments and its environment as they are', () => {
    const args = ['--', 'printf', '%s|', '--json', '--help', '--', '$HOME', 'a b'];
    expect(dekRun(args).stdout).to.equal('--json|--help|--|$HOME|a b|');
    expect(dekRun(['--', 'printenv', 'OF_MINE'], {env: {OF_MINE: 'yes'}}).stdout).to.equal('yes\n');
  });

  it('leaves it to CMD whether it dumps core', () => {
    const limits = (prefix: string) =>
      device.run('bash', [
        '-c',
        `ulimit -S -c unlimited 2>/dev/null || ulimit -S -c "$(ulimit -H -c)"; ${prefix} ${ASK}`,
      ]);
    const ASK = `python3 -c '${DUMPABLE}'`;
    const direct = limits('').stdout;
    expect(direct).to.match(/^1 \(\S+, \S+\) [0-9a-f]+\n$/);
    expect(limits(`${RUN} --`).stdout).to.equal(direct);
  });

  it('says when there is no such program, no CMD, no such NIC', () => {
    const missing = dekRun(['--', '/nonexistent/program']);
    expect(missing).to.include({status: 127, stdout: ''});
    expect(missing.stderr).to.equal('error: cannot run /nonexistent/program: no such program\n');
    for (const [file, status] of [
      ['/', 126],
      ['/etc/passwd/x', 126],
      ['', 127],
    ] as const) {
      const refused = dekRun(['--', file]);
      expect(refused, file).to.include({status, stdout: ''});
      expect(refused.stderr).to.match(/^error: cannot run [^\n]*\n$/);
    }
    for (const args of [[], ['--'], ['true'], ['--device', 'mlx5_0']]) {
      const {status, stderr} = dekRun(args);
      expect([status, stderr.split('\n')[0]]).to.deep.equal([2, 'error: no command given']);
    }
    expect(dekRun(['--device', 'mlx5_7', '--', 'echo', 'ran'])).to.include({status: 3, stdout: ''});
    expect(dekRun(['--devise', 'mlx5_0', '--', 'echo', 'ran'])).to.include({status: 2, stdout: ''});
  });

  it('gives CMD an agent that it finds from any directory, also with a relative TMPDIR', () => {
    const tmp = temporaryDirectory();
    const script = 'cd / && echo "$DEK_AGENT_SOCKET" && test -S "$DEK_AGENT_SOCKET"';
    const run = dekRun(['--', 'sh', '-c', script], {env: {TMPDIR: relative(process.cwd(), tmp)}});
    fs.rmSync(tmp, {recursive: true});
    expect(run).to.include({status: 0, stderr: ''});
    expect(run.stdout.startsWith(`${tmp}/dek-`), run.stdout).to.equal(true);
  });

  it('leaves no directory behind when it does not start', () => {
    const tmp = fs.mkdtempSync(`${device.directory}/tmp-`);
    expect(dekRun(['--device', 'mlx5_7', '--', 'true'], {env: {TMPDIR: tmp}}).status).to.equal(3);
    expect(dekRun(['--', '/nonexistent/program'], {env: {TMPDIR: tmp}}).status).to.equal(127);
    expect(fs.readdirSync(tmp)).to.deep.equal([]);
  });

  it('runs many at once, each with an agent of its own', async () => {
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, [DEK, 'run', '--', 'sh', '-c', 'echo "$DEK_AGENT_SOCKET"'], {
        env: device.nic.environment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const sockets = await Promise.all(children.map((child) => text(child.stdout)));
    expect(new Set(sockets).size).to.equal(3);
    await until(() => live(device).contexts === 0);
  });
});

/** Prints PR_GET_DUMPABLE (3), RLIMIT_CORE and the core dump filter of the process: prctl(2), core(5). */
const DUMPABLE =
  'import ctypes, resource; filter = open("/proc/self/coredump_filter").read().strip(); ' +
  'print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE), filter)';
