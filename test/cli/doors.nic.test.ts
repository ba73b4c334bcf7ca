/** The doors of Node's runtime: what a signal, an option or a variable opens into `dek`, seen from outside. */
import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {AgentProcess, DEK} from '../support/agent/agent-process.js';
import {testDevice} from '../support/nic/device.js';
import {needlesOf} from '../support/process/memory.js';
import {run, runDek} from '../support/process/run-dek.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

/** Where the inspector would listen: 9229 may be taken, and nothing would be opened then. */
const ANY_PORT = '--inspect-port=0';
const LIBRARY = fileURLToPath(new URL('../../src/index.js', import.meta.url));
const BULK = new URL('../../src/bulk/jobs/', import.meta.url).href;

describe('doors', () => {
  let directory: string;
  const kek = randomBytes(32);
  const place = (name: string, data: Uint8Array | string): string => {
    fs.writeFileSync(join(directory, name), data, {mode: 0o600});
    return join(directory, name);
  };

  beforeEach(() => {
    directory = temporaryDirectory();
    execFileSync('mkfifo', ['-m', '600', join(directory, 'fifo')]);
    place('kek', kek);
    place('key', randomBytes(64));
    place('credential', randomBytes(40));
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  /** A command that waits for its KEK: `then` is done while it waits, and then the KEK is given. */
  async function waiting(
    then: (child: ChildProcess) => Promise<unknown>,
    {args = [] as string[], command = wrapping('fifo'), env = {}} = {},
  ): Promise<{status: unknown; stderr: string}> {
    const child = spawn(process.execPath, [...args, DEK, ...command], {
      cwd: directory,
      env: {...process.env, ...env},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr!.on('data', (text) => {
      stderr += text;
    });
    const closed = once(child, 'close');
    const pipe = await fs.promises.open(join(directory, 'fifo'), 'w'); // returns when dek has opened it
    try {
      await then(child);
      await pipe.write(kek);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      await pipe.close();
    }
    const [status, signal] = await closed;
    return {status: status ?? signal, stderr};
  }

  const wrapping = (source: string): string[] => {
    const file = (name: string): string => `file:${join(directory, name)}`;
    return ['wrap', file('key'), '--size', '256', '--kek', file(source), '-o', join(directory, 'wrapped')];
  };
  const commands: [title: string, args: () => string[]][] = [
    ['wrap', () => wrapping('fifo')],
    ['keygen', () => ['keygen', '--kek', `file:${directory}/fifo`, '-o', `${directory}/out`]],
    [
      'credential wrap',
      () => [
        'credential',
        'wrap',
        `file:${directory}/credential`,
        '--kek',
        `file:${directory}/fifo`,
        '-o',
        `${directory}/out`,
      ],
    ],
  ];

  for (const [title, args] of commands) {
    it(`SIGUSR1 opens no inspector in dek ${title} while it waits for its KEK`, async () => {
      const signal = async (child: ChildProcess): Promise<void> => {
        child.kill('SIGUSR1');
        await pause(300);
        expect(listening(child.pid!)).to.deep.equal([]);
      };
      const {status, stderr} = await waiting(signal, {args: [ANY_PORT], command: args()});
      expect(stderr).to.not.include('Debugger');
      expect(status).to.equal(0);
    });
  }

  it('SIGUSR1 opens no inspector in an agent, which lives on', async () => {
    const device = await testDevice();
    try {
      const agent = await AgentProcess.start(device, {env: {NODE_OPTIONS: ANY_PORT}});
      try {
        agent.child.kill('SIGUSR1');
        await pause(300);
        expect(listening(agent.child.pid!)).to.deep.equal([]);
        expect((await agent.client.status()).deks).to.include({total: 0});
        expect(agent.log).to.not.include('Debugger');
      } finally {
        expect(await agent.end()).to.equal(0);
      }
    } finally {
      device.remove();
    }
  });

  it('refuses to work when a SIGUSR1 has opened it before the first line', async () => {
    const early = `import {url} from 'node:inspector'; import {setTimeout} from 'node:timers/promises';
      process.debugPort = 0; process.kill(process.pid, 'SIGUSR1');
      while (url() === undefined) await setTimeout(5);`;
    const preload = place('early.mjs', early);
    const {status, stderr} = await run(process.execPath, ['--import', preload, DEK, ...wrapping('kek')], {});
    expect(stderr).to.match(/^error: Node's inspector was open: .*\nhint: start it without --inspect, .* CMD$/m);
    expect(status).to.equal(2);
    expect(fs.existsSync(join(directory, 'wrapped'))).to.equal(false);
  });

  it('shuts it when the thread of Node that opens it is late', async () => {
    const late = `import {open} from 'node:inspector'; setTimeout(() => open(0), 300).unref();`;
    const shut = async (child: ChildProcess): Promise<void> => {
      await pause(1500);
      expect(listening(child.pid!)).to.deep.equal([]);
    };
    const {status, stderr} = await waiting(shut, {args: ['--import', place('late.mjs', late)]});
    expect(stderr).to.include('Debugger listening');
    expect(status).to.equal(0);
  });

  for (const [option, said] of [
    ['--inspect=0', "Node's inspector was open"],
    ['--report-on-signal', "Node's --report-on-signal writes"],
    ['--report-on-fatalerror', "Node's --report-on-fatalerror writes"],
    ['--report-uncaught-exception', "Node's --report-uncaught-exception writes"],
    ['--heapsnapshot-signal=SIGUSR2', "Node's --heapsnapshot-signal writes"],
    ['--heapsnapshot_near_heap_limit=2', "Node's --heapsnapshot-near-heap-limit writes"],
    ['--tls-keylog=keys', "Node's --tls-keylog writes"],
  ] as const) {
    for (const way of ['by itself', 'in NODE_OPTIONS']) {
      it(`refuses ${option} ${way}`, async () => {
        const [args, env] = way === 'by itself' ? [[option], {}] : [[], {NODE_OPTIONS: `--no-warnings "${option}"`}];
        const {status, stderr} = await run(process.execPath, [...args, DEK, ...wrapping('kek')], {env});
        expect(stderr).to.include(`error: ${said}`).and.to.include('hint: start it without');
        expect(status).to.equal(2);
        expect(fs.existsSync(join(directory, 'wrapped'))).to.equal(false);
      });
    }
  }

  for (const variable of ['NODE_DEBUG', 'NODE_DEBUG_NATIVE']) {
    it(`refuses ${variable}, and takes it empty`, async () => {
      const {status, stdout} = await runDek(['selftest', '--json'], {env: {[variable]: 'nothing'}});
      expect(JSON.parse(stdout.toString()).error.code).to.equal('UNSAFE_SECRET');
      expect(status).to.equal(2);
      expect((await runDek(['selftest'], {env: {[variable]: ''}})).status).to.equal(0);
    });
  }

  it('answers help and the version, which come to no secret, whatever is set', async () => {
    for (const word of ['--help', '--version']) {
      expect((await runDek([word], {env: {NODE_OPTIONS: '--report-on-signal', NODE_DEBUG: 'x'}})).status).to.equal(0);
    }
  });

  it('leaves its options to CMD, and lets CMD have those that it refuses', async () => {
    const device = await testDevice();
    try {
      const exec = ['virtual', 'exec', device.directory, '--'];
      const env = {NODE_OPTIONS: '--no-warnings'};
      expect((await runDek([...exec, 'printenv', 'NODE_OPTIONS'], {env})).stdout.toString()).to.equal(
        '--no-warnings\n',
      );
      const program = [process.execPath, '-p', 'require("node:inspector").url()'];
      const {stdout} = await runDek([...exec, 'env', 'NODE_OPTIONS=--inspect=0', ...program]);
      expect(stdout.toString()).to.match(/^ws:/);
    } finally {
      device.remove();
    }
  });

  it('keeps out of its threads what NODE_OPTIONS preloads into the process', async () => {
    const name = `require('node:worker_threads').isMainThread ? 'main' : 'thread'`;
    const preload = `require('node:fs').writeSync(2, (${name}) + '\\n');`; // a thread's console is lost with it
    const env = {NODE_OPTIONS: `--require=${place('preload.cjs', preload)}`};
    const script = `import {Thread} from '${BULK}thread-handle.js';
      const thread = new Thread(new URL('${BULK}thread.js'), []);
      while (!thread.isRunning) await new Promise((resolve) => setTimeout(resolve, 5));
      process.exit();`;
    const {status, stderr} = await run(process.execPath, ['--input-type=module', '-e', script], {env});
    expect(status, stderr).to.equal(0);
    expect(stderr)
      .to.match(/^main$/m)
      .and.to.not.match(/^thread$/m);
  });

  it('puts no secret into the profiles that it lets Node write', async () => {
    const env = {NODE_V8_COVERAGE: join(directory, 'profiles')};
    const args = ['--cpu-prof', '--heap-prof', '--diagnostic-dir', env.NODE_V8_COVERAGE];
    const {status} = await run(process.execPath, [...args, DEK, ...wrapping('kek')], {env});
    expect(status).to.equal(0);
    const files = fs.readdirSync(env.NODE_V8_COVERAGE);
    expect(files).to.have.lengthOf.at.least(3);
    const needles = [...needlesOf('kek', kek), ...needlesOf('key', fs.readFileSync(join(directory, 'key')))];
    for (const file of files) {
      const data = fs.readFileSync(join(env.NODE_V8_COVERAGE, file));
      expect(needles.filter(({bytes}) => data.includes(Buffer.from(bytes)))).to.deep.equal([]);
    }
  });

  it('is of the command line alone: the library handles no signal', async () => {
    const script = `await import(${JSON.stringify(LIBRARY)}); console.log(process.eventNames().join());`;
    const {stdout} = await run(process.execPath, ['--input-type=module', '-e', script], {});
    expect(stdout.toString()).to.not.include('SIG');
  });
});

/** The TCP ports on which process `pid` listens: proc_pid_net(5), proc_pid_fd(5). */
function listening(pid: number): string[] {
  const sockets = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
  const LISTEN = '0A';
  return ['tcp', 'tcp6']
    .flatMap((table) => fs.readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN && sockets.includes(`socket:[${fields[9]}]`))
    .map((fields) => fields[1]!);
}
