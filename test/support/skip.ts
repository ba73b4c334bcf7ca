/**
 * What a test may lack on the machine it runs on, which is the only reason to skip it. scripts/test.ts prints each
 * reason that was used, and a skip that is not of this list fails the run.
 */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import type {Context, Runnable} from 'mocha';

/** What may be missing, in the words of a report, and how it is found out. */
const NEEDS = {
  root: {
    missing: 'root is needed: to become another user, to read the memory of others',
    isHere: () => process.getuid?.() === 0,
  },
  'systemd-analyze': {
    missing: 'systemd-analyze of systemd 250 or later is needed: before, it has no --offline',
    isHere: () => spawnSync('systemd-analyze', ['security', '--offline=true', '--help']).status === 0,
  },
  'core files': {
    missing: 'core dumps into the working directory are needed: here they go elsewhere, or there are none',
    isHere: () =>
      /^[\w.%-]+$/.test(fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()) &&
      spawnSync('sh', ['-c', 'ulimit -c unlimited']).status === 0,
  },
  'provider rxe': {
    missing: "libibverbs' provider rxe is needed, to see a device of another vendor",
    isHere: () =>
      /librxe-rdmav\d+\.so/.test(
        spawnSync('find', ['/usr/lib', '-name', 'librxe-rdmav*.so'], {encoding: 'utf8'}).stdout,
      ),
  },
  'dpdk-test': {
    missing: 'dpdk-test is needed: scripts/setup peers',
    isHere: () => spawnSync('dpdk-test', ['--version']).error === undefined,
  },
  promtool: {
    missing: "Prometheus' promtool is needed: scripts/setup peers",
    isHere: () => spawnSync('promtool', ['--version']).error === undefined,
  },
  'no RDMA': {
    missing: 'a host without RDMA devices is needed: this one has some',
    isHere: () => !fs.existsSync('/sys/class/infiniband') || fs.readdirSync('/sys/class/infiniband').length === 0,
  },
  'large pages': {
    missing: 'large pages from the kernel are needed: /sys/kernel/mm/transparent_hugepage',
    isHere: undefined,
  },
  network: {missing: 'npm packages are needed that are not in its cache, and there is no network', isHere: undefined},
  keyrings: {
    missing: 'keyrings of the kernel are needed: the filter of a container may forbid keyctl(2)',
    isHere: () => spawnSync('keyctl', ['session', '-', 'true']).status === 0,
  },
  'memory for 100 agents': {
    missing: '12 GB of free memory are needed: for 100 agents',
    isHere: () => availableBytes() > 12e9,
  },
  memfd_secret: {missing: 'memfd_secret(2) is needed: Linux 5.14, secretmem.enable=1', isHere: undefined},
  mounts: {missing: "mounts of one's own are needed: root, or user namespaces", isHere: undefined},
} satisfies Record<string, {missing: string; isHere: (() => boolean) | undefined}>;

/** What may be used without a word to the swap: proc(5), meminfo. */
function availableBytes(): number {
  return 1024 * Number(/^MemAvailable: +(\d+)/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);
}

export type Need = keyof typeof NEEDS;

const reasons = new WeakMap<object, string>();

/** Whether it is here. */
export function isHere(need: Need): boolean {
  return NEEDS[need].isHere?.() ?? true;
}

/**
 * Skips the test (or, in a `before`, all tests of the suite) when what it needs is not here: as the caller found out,
 * where the list cannot tell.
 */
export function skipWithout(need: Need, context: Context, isHere = NEEDS[need].isHere?.()): void {
  if (isHere) return;
  const {missing} = NEEDS[need];
  const {test} = context;
  reasons.set((test as {type?: string}).type === 'hook' ? test!.parent! : test!, missing);
  context.skip();
}

/** Says why a test or a suite that is registered as skipped is not run. */
export function giveReason(skipped: object, reason: string): void {
  reasons.set(skipped, reason);
}

/** Why this test was skipped; undefined when no reason of the list was given. */
export function reasonOf(test: Runnable): string | undefined {
  for (let at: object | undefined = test; at; at = (at as {parent?: object}).parent) {
    const reason = reasons.get(at);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
