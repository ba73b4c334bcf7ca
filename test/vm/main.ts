/**
 * Runs tests in a small virtual machine, with a kernel, a systemd and devices that the host need not have:
 *
 *     npm run test:vm -- [NAME...]
 *
 * NAME: a script of test/vm/tests, without .sh; all of them when left out. VERBOSE=1 prints all that they print.
 * SLOW_VM=1 does without /dev/kvm. Each says how many seconds it took, how many of them of a processor, and how many it
 * waited for one, on a busy host.
 */
import fs from 'node:fs';
import {basename, join} from 'node:path';
import {accelerator} from './accelerator.js';
import {boot, type Outcome} from './machine.js';
import {needsOf} from './needs.js';
import {ensureParts, makeKit, ROOT} from './parts.js';

const TESTS = join(ROOT, 'test', 'vm', 'tests');
/** At a time: without KVM each keeps one processor busy. */
const MACHINES = 2;
/** What is printed of a test that failed. */
const LAST_LINES = 60;

const known = fs
  .readdirSync(TESTS)
  .map((file) => basename(file, '.sh'))
  .sort();
const names = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = names.find((name) => !known.includes(name));
if (unknown !== undefined) {
  console.error(`usage: npm run test:vm -- [${known.join('|')}]...`);
  process.exit(2);
}

const began = performance.now();
const parts = ensureParts();
const accel = await accelerator(parts);
console.log(`test:vm: ${accel.says}`);
const scriptOf = (name: string): string => join(TESTS, `${name}.sh`);
const needs = new Map(names.map((name) => [name, needsOf(fs.readFileSync(scriptOf(name), 'utf8'), name)]));
const kit = makeKit([...needs.values()].some(({packages}) => packages));
let failed = 0;
const waiting = [...names];
await Promise.all(Array.from({length: MACHINES}, work));
console.log(`${names.length - failed} passed, ${failed} failed, ${((performance.now() - began) / 1000).toFixed(1)} s`);
process.exit(failed > 0 ? 1 : 0);

async function work(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    report(name, await boot(parts, accel, needs.get(name)!, scriptOf(name), kit));
  }
}

function report(name: string, outcome: Outcome): void {
  const isGood = outcome.status === 0;
  console.log(`${name}:`);
  for (const line of linesOf(outcome, isGood)) console.log(`  ${line}`);
  const [wall, processor, lost] = Object.values(outcome.seconds).map((seconds: number) => seconds.toFixed(1));
  console.log(`${isGood ? 'ok' : 'FAIL'} ${name}, ${wall} s, ${processor} s of a processor, ${lost} s waiting for one`);
  if (!isGood) failed++;
}

/** The checks, each in a line; of a test that failed, also what it said last. */
function linesOf({status, output, console: said}: Outcome, isGood: boolean): string[] {
  const lines = output.trimEnd().split('\n');
  const shown = process.env['VERBOSE'] ? lines : lines.filter((line) => /^(ok|FAIL) /.test(line));
  if (isGood) return shown;
  if (!process.env['VERBOSE']) shown.push('what it said last:', ...lines.slice(-LAST_LINES).map((line) => `| ${line}`));
  if (status !== null) return shown;
  const last = said.trimEnd().split('\n').slice(-LAST_LINES);
  return [
    ...shown,
    'it did not end in time, or the machine broke off; its console:',
    ...last.map((line) => `| ${line}`),
  ];
}
