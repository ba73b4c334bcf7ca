/** docs/fleet.md, from its own text: one session on an etcd of three members, with an agent on each of three hosts. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {expect} from 'chai';
import {STATUSES} from '../../../src/virtual/faults.js';
import {wrapCredential} from '../../../src/wrap/index.js';
import {blocksOf, commandsOf, common} from '../../docs/blocks.js';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, settingsOf} from '../../support/fleet/fleet.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {DEK, run} from '../../support/process/run-dek.js';
import {shownOutput} from '../../support/process/session.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const PAGE = 'docs/fleet.md';
const HOSTS = ['node-1', 'node-2', 'node-3'];
/** Commands that only look, and are repeated until they show what the page shows: the hosts need their time. */
const LOOKS = /^dek fleet status/;
/** Commands of the page that are refused, or find that not all is well. */
const NOT_ZERO = /^(error: .*|next: .*|the KEK \w+ is still needed)$/m;

const NO_ROOM = {command: 'create', object: 'dek', status: STATUSES.no_res, times: 'always'} as const;

/** `common`, without ages, progress and how keys are cut into pieces as well. */
function usual(text: string): string {
  return common(text)
    .replace(/\d+ pieces? (written, \d+ bytes|removed)/g, 'PIECES')
    .replace(/\b[0-9a-f]{10}\b/g, 'KCV')
    .replace(/\b\d+[sm]\b/g, 'AGE')
    .replace(/^wave \d+: well .*\n/gm, '')
    .replace(/ {2,}/g, '  ');
}

/** A host of the fleet: its NIC, and its agent once that runs. */
interface Host {
  readonly name: string;
  readonly device: TestDevice;
  agent?: ChildProcess;
}

describe(PAGE, function () {
  this.timeout(900_000);
  const folder = temporaryDirectory();
  const path = (...names: string[]): string => join(folder, ...names);
  const env: NodeJS.ProcessEnv = {};
  const keys = [
    {...newOfficerKeys(0x11), kekId: 0x101},
    {...newOfficerKeys(0x12), kekId: 0x102},
  ] as const;
  let etcd: EtcdCluster;
  let hosts: Host[] = [];

  before(async () => {
    etcd = await EtcdCluster.start({members: 3, names: ['ops', ...HOSTS]});
    for (const name of HOSTS) hosts.push({name, device: await testDevice()});
    for (const {device} of hosts) device.nic.set(settingsOf(keys[0]));
    await desk();
  });
  after(async () => {
    for (const {agent, device} of hosts) {
      if (agent) await ended(agent);
      device.remove();
    }
    hosts = [];
    await etcd?.stop();
    fs.rmSync(folder, {recursive: true});
  });

  it('shows what is so', async () => {
    for (const {text} of blocksOf(PAGE)) {
      for (const {command, shown} of commandsOf(text)) await play(command, shown);
    }
  });

  /** What the operator has at the beginning: certificates, keys, and a manifest of four DEKs. */
  async function desk(): Promise<void> {
    fs.mkdirSync(path('bin'));
    fs.writeFileSync(path('bin/dek'), `#!/bin/sh\nexec '${process.execPath}' '${DEK}' "$@"\n`, {mode: 0o755});
    for (const name of ['ops.crt', 'ops.key', 'ca.crt']) fs.copyFileSync(etcd.authority.path(name), path(name));
    fs.writeFileSync(path('hosts.txt'), `${HOSTS.join('\n')}\n`);
    for (const [i, {kek, credential}] of keys.entries()) {
      fs.writeFileSync(path(`kek-${i + 1}`), kek, {mode: 0o600});
      fs.writeFileSync(path(`credential-${i + 1}.wrapped`), wrapCredential(kek, credential));
    }
    Object.assign(env, {
      PATH: `${path('bin')}:${process.env['PATH']}`,
      HOME: folder,
      ETCDCTL_API: '3',
      ETCDCTL_ENDPOINTS: etcd.ports.map((port) => `https://127.0.0.1:${port}`).join(','),
      ETCDCTL_CACERT: path('ca.crt'),
      ETCDCTL_CERT: etcd.authority.path('root.crt'),
      ETCDCTL_KEY: etcd.authority.path('root.key'),
    });
    const made = await bash(
      "dek keygen --count 4 --name 'vol-%d' --keytag --kek file:kek-1 --import-kek-id 0x101 --credential-id 0x11 " +
        '--credential credential-1.wrapped --output vols.manifest',
    );
    expect(made.status, made.output).to.equal(0);
  }

  /** What the page leaves to others, and is done before a command. */
  async function around(command: string): Promise<void> {
    const {nic} = hosts[2]!.device;
    if (/rollout vols\.manifest/.test(command)) nic.set({faults: [NO_ROOM]});
    if (/rollout resume/.test(command)) nic.set({faults: []});
    if (/--next-login/.test(command)) for (const {device} of hosts) device.nic.set(settingsOf(keys[1]));
  }

  async function play(command: string, shown: string): Promise<void> {
    await around(command);
    if (/^export /.test(command)) return enter(command);
    if (/^dek agent /.test(command)) {
      for (const host of hosts) await startAgent(host, here(command), shown);
      return;
    }
    let outcome = await bash(here(command));
    const isShown = (): boolean => {
      const expected = usual(shown).split('\n');
      return shown === '' || shownOutput(expected, usual(outcome.output)).join('\n') === usual(shown);
    };
    if (LOOKS.test(command)) {
      await until(
        async () => {
          outcome = await bash(here(command));
          return isShown();
        },
        () => `${command}\n${outcome.output}`,
      );
    }
    expect(isShown(), `${command}\n${outcome.output}`).to.equal(true);
    expect(outcome.status, `${command}\n${outcome.output}`).to.equal(NOT_ZERO.test(shown) ? 7 : 0);
  }

  /** A line of the page, with the members of etcd and the KCVs as they are here. */
  function here(line: string): string {
    const members = etcd.ports.map((port) => `127.0.0.1:${port}`).join(',');
    return line
      .replace('etcd-1,etcd-2,etcd-3', members)
      .replaceAll('f60f3d7903', keys[0].kcv)
      .replaceAll('62148e5c85', keys[1].kcv);
  }

  async function enter(command: string): Promise<void> {
    const name = /^export (\w+)=/.exec(command)![1]!;
    env[name] = (await bash(`${here(command)}; printf %s "$${name}"`)).output;
  }

  async function bash(script: string): Promise<{output: string; status: number | null}> {
    const {stdout, status} = await run('bash', ['-c', `cd '${folder}' && exec 2>&1\n${script}`], {
      env: env as Record<string, string>,
    });
    return {output: stdout.toString(), status};
  }

  /** As the unit of that host does, with the host's certificate and key where the page has them. */
  async function startAgent(host: Host, command: string, shown: string): Promise<void> {
    const of = (name: string): string => path(host.name, name);
    for (const name of ['etc', 'credentials', 'state']) fs.mkdirSync(of(name), {recursive: true, mode: 0o700});
    fs.copyFileSync(etcd.authority.path(`${host.name}.crt`), of('etc/fleet.crt'));
    fs.copyFileSync(etcd.authority.path('ca.crt'), of('etc/fleet-ca.crt'));
    fs.copyFileSync(etcd.authority.path(`${host.name}.key`), of('credentials/fleet-key'));
    const log = fs.openSync(of('log'), 'a');
    const agent = spawn('bash', ['-c', `exec ${command.replaceAll('/etc/dek', of('etc'))}`], {
      env: {
        ...host.device.nic.environment(),
        PATH: env['PATH'],
        DEK_AGENT_SOCKET: of('agent.sock'),
        CREDENTIALS_DIRECTORY: of('credentials'),
        STATE_DIRECTORY: of('state'),
      },
      stdio: ['ignore', 'pipe', log],
    });
    fs.closeSync(log);
    host.agent = agent;
    const [line] = await Promise.race([once(createInterface(agent.stdout!), 'line'), once(agent, 'exit')]);
    const said = `${line}`.replace(of('agent.sock'), '/run/dek/agent.sock');
    expect(said, fs.readFileSync(of('log'), 'utf8')).to.equal(shown);
  }
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
