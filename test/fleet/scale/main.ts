/**
 * How a fleet grows: `npm run bench:fleet -- HOSTS...`, 10,000 unless said. Hosts are simulated (hosts.ts), etcd is
 * real, one member with TLS on both sides. Connections are made before the clock starts; then a generation is
 * published, and the clock stops when the last host holds it. Printed as JSON, a line a number of hosts.
 */
import {type ChildProcess, fork} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {EtcdCluster} from '../../support/etcd.js';
import {newOfficerKeys, TestSet, volumes} from '../../support/fleet.js';
import {runDek} from '../../support/run-dek.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const HOSTS = fileURLToPath(new URL('./hosts.js', import.meta.url));
const HOSTS_A_PROCESS = 1250;
const DEKS = 100;
const keys = newOfficerKeys(1);

interface Seen {
  connected: number;
  /** Tries that the store did not answer in time. */
  failed: number;
  holds: [generation: number, hosts: number][];
}

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000];
for (const count of counts) console.log(JSON.stringify(await measure(count)));

async function measure(count: number): Promise<object> {
  const etcd = await EtcdCluster.start();
  const directory = temporaryDirectory();
  const set = new TestSet(directory);
  const children: ChildProcess[] = [];
  try {
    const file = join(directory, 'hosts');
    fs.writeFileSync(file, Array.from({length: count}, (_, i) => `node-${i}\n`).join(''));
    const seen = new Map<ChildProcess, Seen>();
    let fail = (_: Error): void => {};
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    failed.catch(() => {});
    for (let first = 0; first < count; first += HOSTS_A_PROCESS) {
      const some = Math.min(HOSTS_A_PROCESS, count - first);
      const child = fork(HOSTS, [etcd.uri('root'), `${first}`, `${some}`]);
      children.push(child);
      // Hosts have cores of their own elsewhere: here they get what etcd and the operator's command leave.
      os.setPriority(child.pid!, os.constants.priority.PRIORITY_LOW);
      child.on('message', (message) => seen.set(child, message as Seen));
      child.on('exit', (code) => fail(new Error(`hosts from ${first} on ended with ${code}`)));
    }
    const sum = (of: (one: Seen) => number): number => [...seen.values()].reduce((all, one) => all + of(one), 0);
    const when = async (done: () => boolean, everyMs = 50): Promise<void> => {
      while (!done()) await Promise.race([pause(everyMs), failed]);
    };
    const connecting = performance.now();
    await when(() => sum(({connected}) => connected) === count);
    const connectSeconds = seconds(connecting);
    const results: object[] = [];
    for (const generation of [1, 2]) {
      const path = await set.write({names: volumes(DEKS), under: keys});
      const cpu = cpuSeconds(etcd.pid(0));
      const started = performance.now();
      const run = await runDek(['fleet', 'publish', path, '--hosts', file, '--fleet', etcd.uri('root')]);
      if (run.status !== 0) throw new Error(run.stderr);
      const published = seconds(started);
      await when(() => sum(({holds}) => holds.find(([held]) => held === generation)?.[1] ?? 0) === count);
      results.push({
        publishSeconds: published,
        allHoldSeconds: seconds(started),
        manifestBytes: fs.statSync(path).size,
        etcdCpuSeconds: cpuSeconds(etcd.pid(0)) - cpu,
      });
    }
    await when(() => etcd.count('/dek/status/') === count, 1000);
    const statuses: object[] = [];
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      const run = await runDek(['fleet', 'status', '--json', '--fleet', etcd.uri('root')]);
      statuses.push({seconds: seconds(started), well: JSON.parse(run.stdout.toString()).summary.well});
    }
    const etcdMegabytes = Math.round(residentBytes(etcd.pid(0)) / 1e6);
    const failures = sum((one) => one.failed);
    return {hosts: count, deks: DEKS, connectSeconds, generations: results, statuses, etcdMegabytes, failures};
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await etcd.stop();
    fs.rmSync(directory, {recursive: true});
  }
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 10) / 100;
}

/** proc(5), stat. */
function cpuSeconds(pid: number): number {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentBytes(pid: number): number {
  return 4096 * Number(fs.readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
}
