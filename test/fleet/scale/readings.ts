/** What is read of processes, of etcd and of the machine while a fleet is measured. */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {EtcdCluster} from '../../support/fleet/etcd.js';
import {DEK, type Run, run} from '../../support/process/run-dek.js';

const MAX_RSS = fileURLToPath(new URL('../../support/process/max-rss.js', import.meta.url));
const TICKS = 100;
const PAGE_BYTES = 4096;

/** Of a process, until now: proc(5), stat. */
export function cpuSeconds(pid: number): number {
  const fields = fs
    .readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Of all processes of the machine, until now: what the cores have done. */
export function machineCpuSeconds(): number {
  const [, user, nice, system, , , irq, softirq] = fs.readFileSync('/proc/stat', 'latin1').split(/\s+/).map(Number);
  return (user! + nice! + system! + irq! + softirq!) / TICKS;
}

export function residentBytes(pid: number): number {
  return PAGE_BYTES * Number(fs.readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
}

/** What etcd says of itself. */
export interface EtcdNumbers {
  /** Bytes of messages to its clients and from them. */
  readonly sent: number;
  readonly received: number;
  /** Of its database. */
  readonly stored: number;
}

export function etcdNumbers(etcd: EtcdCluster): EtcdNumbers {
  const file = (name: string): string => etcd.authority.path(name);
  const who = ['--cacert', file('ca.crt'), '--cert', file('root.crt'), '--key', file('root.key')];
  const text = execFileSync('curl', ['-s', ...who, `https://127.0.0.1:${etcd.ports[0]}/metrics`]).toString();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    sent: value('etcd_network_client_grpc_sent_bytes_total'),
    received: value('etcd_network_client_grpc_received_bytes_total'),
    stored: value('etcd_mvcc_db_total_size_in_bytes'),
  };
}

/** Runs `dek ARGS`; what it took, with the most memory that was resident. A file is left in `directory`. */
export async function measured(
  directory: string,
  args: readonly string[],
): Promise<{run: Run; seconds: number; megabytes: number}> {
  const path = join(directory, 'max-rss');
  const fd = fs.openSync(path, 'w');
  const started = performance.now();
  try {
    const done = await run(process.execPath, ['--import', MAX_RSS, DEK, ...args], {fds: [fd]});
    const seconds = secondsSince(started);
    return {run: done, seconds, megabytes: Math.round((1024 * Number(fs.readFileSync(path, 'latin1'))) / 1e6)};
  } finally {
    fs.closeSync(fd);
  }
}

/** To hundredths. */
export function secondsSince(started: number): number {
  return round((performance.now() - started) / 1000);
}

export function round(number: number): number {
  return Math.round(100 * number) / 100;
}
