/**
 * What it takes to create and query DEKs many at once, beside the loop in C that does it one by one (calls.c): on a
 * virtual ConnectX that answers at once, and on one that takes 100 us a command and 16 commands at a time.
 */
import {round, withSides} from './calls.js';
import type {Side} from './side.js';
import {median, table} from './stats.js';

const ROUNDS = 5;
const SETTINGS = [
  {latencyUs: 0, deks: 10_000},
  {latencyUs: 100, deks: 2_000},
] as const;

export interface ConcurrentCost {
  latencyUs: number;
  /** Microseconds to create and query a DEK, medians over the rounds. */
  cUs: number;
  concurrentUs: number;
  /** The same in the first round, before V8 has compiled anything: what the start of a process sees. */
  firstUs: number;
  /** cUs / concurrentUs */
  speedup: number;
  /** CPU time of all threads to create, query and destroy, in microseconds a DEK. */
  cpuUs: number;
  /** How late the event loop was at worst in a round, median over the rounds, in milliseconds. */
  lateMs: number;
}

/** Measures, and returns a row for each latency. */
export async function benchConcurrent(): Promise<ConcurrentCost[]> {
  const costs: ConcurrentCost[] = [];
  for (const {latencyUs, deks} of SETTINGS) {
    const options = {deks, settings: {latencyUs, parallel: 16}, concurrent: true};
    costs.push(await withSides(options, (c, bindings) => measure(latencyUs, c, bindings)));
  }
  return costs;
}

async function measure(latencyUs: number, cSide: Side, bindingsSide: Side): Promise<ConcurrentCost> {
  const [c, bindings] = [[] as number[][], [] as number[][]];
  for (let run = 0; run < ROUNDS; run++) {
    c.push(await round(cSide));
    bindings.push(await round(bindingsSide));
  }
  const createAndQuery = (times: number[]) => (times[0]! + times[1]!) / 1000;
  const later = bindings.slice(1);
  const [cUs, concurrentUs] = [median(c.map(createAndQuery)), median(later.map(createAndQuery))];
  return {
    latencyUs,
    cUs,
    concurrentUs,
    firstUs: createAndQuery(bindings[0]!),
    speedup: cUs / concurrentUs,
    cpuUs: median(later.map((times) => times[3]! / 1000)),
    lateMs: median(later.map((times) => times[4]! / 1e6)),
  };
}

/** The rows as text. */
export function renderConcurrent(costs: readonly ConcurrentCost[]): string {
  const rows = costs.map(({latencyUs, ...cost}) => [
    `${latencyUs} us`,
    ...[cost.cUs, cost.concurrentUs, cost.firstUs, cost.speedup, cost.cpuUs, cost.lateMs].map((n) => n.toFixed(1)),
  ]);
  const heading = ['latency', 'C, us', 'many at once, us', 'first time, us', 'times as fast', 'CPU, us', 'late, ms'];
  return `create and query a DEK, one by one in C and many at once through the bindings\n${table([heading, ...rows])}`;
}
