/**
 * The tests of one file in a process of their own: `node test-file.js FILE REPORTER [PATTERN]`, started by
 * scripts/test.ts, which hears by IPC what runs and how it ended. The process ends when the tests have, whatever they
 * left running.
 */
import fs from 'node:fs';
import Mocha from 'mocha';
import {reasonOf} from '../test/support/skip.js';

/** What one file says to the runner. */
export type Message =
  | {running: string}
  | {passed: number; failed: string[]; skipped: {test: string; reason: string | undefined}[]}
  | {left: string[]}
  | {cpuSeconds: number};

/** Nothing is measured by it: a test that hangs is to fail, also on a machine that is busy with others. */
const TEST_TIMEOUT_MS = 300_000;
/** What tests began and closed may take so long to end. */
const GRACE_MS = 10_000;

/** Of /proc/PID/stat's times. */
const TICKS_PER_SECOND = 100;

const [file, reporter, pattern] = process.argv.slice(2);
const tell = (message: Message): Promise<void> => new Promise((told) => process.send!(message, () => told()));

// The runner was killed: nothing that belongs to this file may go on.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.channel!.unref();

const mocha = new Mocha({timeout: TEST_TIMEOUT_MS, forbidOnly: true, reporter: reporter!});
if (pattern !== undefined) mocha.grep(new RegExp(pattern));
mocha.addFile(file!);
await mocha.loadFilesAsync();

const report = {passed: 0, failed: [] as string[], skipped: [] as {test: string; reason: string | undefined}[]};
const runner = mocha.run(async (failures) => {
  await tell(report);
  await tell({cpuSeconds: cpuSeconds()});
  // What a failed test left behind is no wonder, what others left is a fault.
  if (failures > 0) process.exit(1);
  setTimeout(async () => {
    await tell({left: process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap')});
    process.exit(1);
  }, GRACE_MS).unref();
});
runner.on('test', (test) => void tell({running: test.fullTitle()}));
runner.on('hook', (hook) => void tell({running: hook.fullTitle()}));
runner.on('pass', () => report.passed++);
runner.on('fail', (test) => report.failed.push(test.fullTitle()));
runner.on('pending', (test) => report.skipped.push({test: test.fullTitle(), reason: reasonOf(test)}));

/** What this process and those that it waited for have used: proc(5). */
function cpuSeconds(): number {
  const fields = fs
    .readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
