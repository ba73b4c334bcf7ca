/**
 * How a fleet grows: `npm run bench:fleet -- HOSTS...`, 10,000 unless said. Hosts are simulated (hosts.ts), etcd is
 * real, one member with TLS on both sides. Connections are made before the clock starts; then a generation is
 * published, and the clock stops when the last host holds it. Printed as JSON, a line a number of hosts.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestSet, volumes} from '../../support/fleet/fleet.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {cpuSeconds, etcdNumbers, machineCpuSeconds, measured, residentBytes, round, secondsSince} from './readings.js';
import {SimulatedHosts} from './simulated-hosts.js';

const DEKS = 100;
const GENERATIONS = [1, 2, 3];
/** How long the fleet is watched when nothing happens. */
const QUIET_MS = 20_000;
const keys = newOfficerKeys(1);

/** What is left to do at the end, also at one by a signal; processes die with this one in any case. */
let cleanUp = async (): Promise<void> => {};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
}

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000];
for (const count of counts) console.log(JSON.stringify(await measure(count)));

async function measure(count: number): Promise<object> {
  const etcd = await EtcdCluster.start();
  const directory = temporaryDirectory();
  const hosts = new SimulatedHosts(etcd.uri('root'), count);
  cleanUp = async () => {
    hosts.stop();
    await etcd.stop();
    fs.rmSync(directory, {recursive: true, force: true});
  };
  try {
    const connecting = performance.now();
    await hosts.when(() => hosts.connected === count);
    const connectSeconds = secondsSince(connecting);
    const file = join(directory, 'hosts');
    fs.writeFileSync(file, Array.from({length: count}, (_, i) => `node-${i}\n`).join(''));
    const set = new TestSet(directory);
    const generations: object[] = [];
    for (const generation of GENERATIONS) {
      const path = await set.write({names: volumes(DEKS), under: keys});
      const publish = ['fleet', 'publish', path, '--hosts', file, '--fleet', etcd.uri('root')];
      const load = loadOf(etcd, hosts);
      const {seconds: publishSeconds, megabytes: publishMegabytes, run} = await measured(directory, publish);
      if (run.status !== 0) throw new Error(run.stderr);
      await hosts.when(() => hosts.holding(generation) === count);
      generations.push({publishSeconds, publishMegabytes, manifestBytes: fs.statSync(path).size, allHold: load()});
      await hosts.when(() => etcd.count('/dek/status/') === count, 1000);
    }
    const load = loadOf(etcd, hosts);
    await pause(QUIET_MS);
    const quiet = load();
    const statuses: object[] = [];
    for (let i = 0; i < 3; i++) {
      const {seconds, megabytes, run} = await measured(directory, ['fleet', 'status', '--fleet', etcd.uri('root')]);
      const [summary] = run.stdout.toString().split('\n');
      statuses.push({seconds, megabytes, summary});
    }
    const {stored} = etcdNumbers(etcd);
    const etcdMegabytes = Math.round(residentBytes(etcd.pid(0)) / 1e6);
    const ends = {etcdMegabytes, storedMegabytes: Math.round(stored / 1e6), failures: hosts.failed};
    return {hosts: count, deks: DEKS, connectSeconds, generations, quiet, statuses, ...ends};
  } finally {
    await cleanUp();
  }
}

/** From now on: time, what each side has taken of the cores, and what went over the connections. */
function loadOf(etcd: EtcdCluster, hosts: SimulatedHosts): () => object {
  const now = (): {etcd: number; hosts: number; machine: number} => {
    return {etcd: cpuSeconds(etcd.pid(0)), hosts: hosts.cpuSeconds, machine: machineCpuSeconds()};
  };
  const started = performance.now();
  const [before, net] = [now(), etcdNumbers(etcd)];
  return () => {
    const seconds = secondsSince(started);
    const [after, {sent, received}] = [now(), etcdNumbers(etcd)];
    return {
      seconds,
      etcdCpuSeconds: round(after.etcd - before.etcd),
      hostsCpuSeconds: round(after.hosts - before.hosts),
      // With that of the operator's command, and of whatever else runs here.
      machineCpuSeconds: round(after.machine - before.machine),
      etcdSentBytes: sent - net.sent,
      etcdReceivedBytes: received - net.received,
    };
  };
}
