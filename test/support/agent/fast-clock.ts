/**
 * Preloaded (`node --import`) into an agent under test: its clock runs five times as fast, so that no test waits in
 * real time for a check, a pause or a timeout that is as long as users need it. The agent itself has no such setting.
 */
import {syncBuiltinESMExports} from 'node:module';
import timers from 'node:timers';
import promises from 'node:timers/promises';

/** Not more: on a busy machine a timeout must not strike what works. */
const FACTOR = 5;

function sooner<F extends (first: never, ms: never, ...rest: never[]) => unknown>(original: F, delayAt: 0 | 1): F {
  const changed = (...args: unknown[]): unknown => {
    const ms = args[delayAt];
    if (typeof ms === 'number') args[delayAt] = ms / FACTOR;
    return (original as unknown as (...args: unknown[]) => unknown)(...args);
  };
  return Object.assign(changed, original) as unknown as F;
}

timers.setTimeout = globalThis.setTimeout = sooner(setTimeout, 1);
timers.setInterval = globalThis.setInterval = sooner(setInterval, 1);
promises.setTimeout = sooner(promises.setTimeout, 0);
syncBuiltinESMExports();

const now = performance.now.bind(performance);
performance.now = () => now() * FACTOR;
