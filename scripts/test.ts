/**
 * Runs tests, several files at a time, each in a process of its own; ends always, and with the line `N passed, N
 * failed`:
 *
 *     node dist/scripts/test.js [--fast] [--jobs N] [--limit SECONDS] [-g PATTERN] [FILE | DIRECTORY]...
 *
 * FILE is a test as it was written (test/x.test.ts) or built (dist/test/x.test.js). --fast: those that need no NIC and
 * are not slow, as their names tell. PATTERN chooses tests by their names. A file whose tests have not ended after
 * SECONDS hangs.
 */
import {type ChildProcess, fork} from 'node:child_process';
import fs from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join, relative, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {compileShim} from '../src/virtual/shim.js';
import type {Message} from './test-file.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TESTS = join(ROOT, 'dist/test');
const WORKER = fileURLToPath(new URL('./test-file.js', import.meta.url));
/** `SLOW=1` gives the tests much more to do. */
const LIMIT_SECONDS = process.env['SLOW'] ? '3600' : '900';

interface Outcome {
  passed: number;
  failed: string[];
  skipped: {test: string; reason: string | undefined}[];
}

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    fast: {type: 'boolean', default: false},
    jobs: {type: 'string', short: 'j', default: `${availableParallelism() + 2}`},
    limit: {type: 'string', default: LIMIT_SECONDS},
    grep: {type: 'string', short: 'g'},
  },
});
const started = performance.now();
const files = chosenFiles();
const running = new Set<ChildProcess>();
const total: Outcome = {passed: 0, failed: [], skipped: []};
const shared = fs.mkdtempSync(join(tmpdir(), 'dek-tests-'));
process.on('exit', () => {
  for (const child of running) endGroup(child);
  fs.rmSync(shared, {recursive: true, force: true});
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

await prepareShared();
await Promise.all(Array.from({length: Number(flags.jobs)}, runNext));
report();

/** The built files that were asked for: slow ones first, so that none of them is the last that others wait for. */
function chosenFiles(): string[] {
  const all = fs
    .readdirSync(TESTS, {recursive: true, encoding: 'utf8'})
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => join(TESTS, file));
  const chosen = positionals.length > 0 ? [...new Set(positionals.flatMap((word) => builtFrom(word, all)))] : all;
  const weight = (file: string): number => (file.endsWith('.slow.test.js') ? 2 : file.endsWith('.nic.test.js') ? 1 : 0);
  return chosen
    .filter((file) => !flags.fast || weight(file) === 0)
    .sort((a, b) => weight(b) - weight(a) || (a < b ? -1 : 1));
}

/** Those of `all` that stand for what a user calls `word`. */
function builtFrom(word: string, all: readonly string[]): string[] {
  const path = resolve(word.replace(/\.ts$/, '.js'));
  if (path.endsWith('.test.js') && relative(ROOT, path).startsWith('..') && fs.existsSync(path)) return [path];
  const built = path.startsWith(TESTS) ? path : join(ROOT, 'dist', relative(ROOT, path));
  const those = all.filter((file) => file === built || file.startsWith(`${built}/`));
  if (those.length === 0) {
    console.error(`error: no test was built from ${word}`);
    process.exit(2);
  }
  return those;
}

/** What many files need and is dear to make: the shim of the virtual ConnectX. */
async function prepareShared(): Promise<void> {
  if (!files.some((file) => file.endsWith('.nic.test.js'))) return;
  await compileShim(join(shared, 'uverbs.so')).catch(() => {}); // each test that needs it then tells why
}

async function runNext(): Promise<void> {
  for (let file = files.shift(); file !== undefined; file = files.shift()) await runFile(file);
}

async function runFile(file: string): Promise<void> {
  const begun = performance.now();
  const name = relative(TESTS, file).replace(/\.js$/, '.ts');
  const isAlone = positionals.length === 1 && files.length === 0;
  const child = fork(WORKER, [file, 'spec', ...(flags.grep === undefined ? [] : [flags.grep])], {
    detached: true, // a group of its own, which ends with it
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {...process.env, DEK_TEST_SHARED: shared},
  });
  running.add(child);
  const output: Buffer[] = [];
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (data: Buffer) => (isAlone ? process.stdout.write(data) : output.push(data)));
  }
  let at = 'its start';
  let ended: Outcome | undefined;
  let fault = '';
  let cpuSeconds = 0;
  child.on('message', (message: Message) => {
    if ('running' in message) at = message.running;
    else if ('cpuSeconds' in message) cpuSeconds = message.cpuSeconds;
    else if ('left' in message) fault = `left something that does not end: ${message.left.join(', ')}`;
    else ended = message;
  });
  const timer = setTimeout(() => {
    fault = `did not end within ${flags.limit} s, in: ${at}`;
    endGroup(child);
  }, Number(flags.limit) * 1000);
  const status = await new Promise((gone) => child.once('exit', (code, signal) => gone(signal ?? code)));
  clearTimeout(timer);
  endGroup(child); // and with it what the tests left running
  running.delete(child);
  if (!ended) fault ||= `ended (${status}) in: ${at}`;
  else if (ended.passed + ended.failed.length + ended.skipped.length === 0 && !flags.grep) fault ||= 'has no tests';
  const {passed, failed, skipped} = ended ?? {passed: 0, failed: [], skipped: []};
  const unlisted = skipped.filter(({reason}) => reason === undefined);
  const faults = [
    ...failed,
    ...(fault === '' ? [] : [fault]),
    ...unlisted.map(({test}) => `is skipped without a reason of test/support/skip.ts: ${test}`),
  ];
  total.passed += passed;
  total.failed.push(...faults.map((text) => `${name}: ${text}`));
  total.skipped.push(...skipped);
  if (faults.length > 0) process.stdout.write(Buffer.concat(output));
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const cpu = cpuSeconds.toFixed(1);
  console.log(`${faults.length > 0 ? 'FAIL' : 'ok  '} ${name}  ${passed} passed, ${seconds} s, ${cpu} s of CPU`);
}

function endGroup({pid}: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch {} // nothing is left of it
}

function report(): void {
  const {passed, failed, skipped} = total;
  for (const reason of new Set(skipped.map((one) => one.reason))) {
    console.log(
      `skipped: ${skipped.filter((one) => one.reason === reason).length} tests: ${reason ?? 'no reason given'}`,
    );
  }
  for (const text of failed) console.log(`failed: ${text}`);
  console.log(`in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  process.exit(failed.length > 0 || passed === 0 ? 1 : 0);
}
