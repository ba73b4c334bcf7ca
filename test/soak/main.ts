/**
 * Plays scenarios until the time is over, and says how to repeat one that failed:
 *
 *     npm run test:soak -- [MINUTES] [--seed N] [--scenario N] [--jobs N]
 */
import {randomInt} from 'node:crypto';
import {parseArgs} from 'node:util';
import {play} from './play.js';
import {asCommands, type Scenario, scenarioOf} from './scenario.js';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {seed: {type: 'string'}, scenario: {type: 'string'}, jobs: {type: 'string', default: '2'}},
});
const minutes = Number(positionals[0] ?? 5);
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run test:soak -- [MINUTES] [--seed N] [--scenario N] [--jobs N]');
  process.exit(2);
}
const until = performance.now() + minutes * 60_000;
let [next, passed, failed] = [0, 0, 0];

console.log(`seed ${seed}`);
if (values.scenario !== undefined) await one(Number(values.scenario));
else await Promise.all(Array.from({length: Number(values.jobs)}, more));
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

async function more(): Promise<void> {
  while (performance.now() < until) await one(next++);
}

async function one(number: number): Promise<void> {
  const scenario = scenarioOf(seed, number);
  const failure = await play(scenario);
  if (failure === undefined) {
    passed++;
    return;
  }
  failed++;
  const smaller = await shrunk(scenario);
  const lines = [
    `FAIL scenario ${number}: npm run test:soak -- --seed ${seed} --scenario ${number}`,
    `  ${failure.replaceAll('\n', '\n  ')}`,
    ...asCommands(smaller).map((line) => `    ${line}`),
  ];
  console.log(lines.join('\n'));
}

/** The scenario without the steps that it fails without as well, each tried once. */
async function shrunk(scenario: Scenario): Promise<Scenario> {
  let smallest = scenario;
  for (let at = scenario.steps.length - 1; at >= 0 && performance.now() < until; at--) {
    const fewer = {...smallest, steps: smallest.steps.filter((_, i) => i !== at)};
    if ((await play(fewer)) !== undefined) smallest = fewer;
  }
  return smallest;
}
