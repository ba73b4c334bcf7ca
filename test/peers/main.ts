/**
 * Runs the suites of other projects on the virtual ConnectX and compares how they end with what was reviewed:
 *
 *     npm run test:peers -- [NAME...]
 *
 * NAME: one of the suites below; all of them when left out. UPDATE=1 writes the lists of skips instead of comparing
 * them; MESSAGES, ENTRIES and SEED are those of messages and hostile. Each suite says what it found, and how long it
 * took.
 */
import {dpdk} from './dpdk.js';
import {hostile} from './hostile.js';
import {messages} from './messages.js';
import {perftest, pingpongs} from './pairs.js';
import {rdmaCore} from './rdma-core-suite.js';

/** A suite: returns what it found wrong, a line each; prints what is good to know. */
const SUITES: Record<string, () => Promise<string[]>> = {
  'rdma-core': rdmaCore,
  pingpongs,
  perftest,
  messages,
  hostile,
  dpdk,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SUITES);
const unknown = names.find((name) => !(name in SUITES));
if (unknown !== undefined) {
  console.error(`usage: npm run test:peers -- [${Object.keys(SUITES).join('|')}]...`);
  process.exit(2);
}
const began = performance.now();
let failed = 0;
for (const name of names) {
  const start = performance.now();
  console.log(`${name}:`);
  const found = await SUITES[name]!();
  for (const line of found) console.log(`  ${line}`);
  console.log(`${found.length > 0 ? 'FAIL' : 'ok'} ${name}, ${seconds(start)} s`);
  failed += found.length > 0 ? 1 : 0;
}
console.log(`${names.length - failed} passed, ${failed} failed, ${seconds(began)} s`);
process.exit(failed > 0 ? 1 : 0);

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
