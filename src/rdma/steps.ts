/**
 * Work that calls C and may have to wait for a NIC, written once, as a generator of calls, and run in two ways: on this
 * thread, as what is public and returns no promise does, or off it, so that a NIC that does not answer keeps none
 * waiting but who asked.
 */
import type {CFunction, Library, Returned} from './ffi.js';

interface Call {
  readonly fn: CFunction;
  readonly args: readonly unknown[];
}

/** A promise is waited for off this thread, and passed over on it. */
export type Steps<T> = Generator<Call | Promise<unknown>, T, unknown>;

/** One call. What `args` hold is kept until it has come back. */
export function* call<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Steps<Returned<R>> {
  return (yield {fn: fn as CFunction, args}) as Returned<R>;
}

/** Waits for others off this thread. Whether it did: work on this thread cannot. */
export function* wait(others: Promise<unknown>): Steps<boolean> {
  return (yield others.then(() => true)) === true;
}

/** Runs all calls on this thread. Throws what the work throws. */
export function runHere<T>(lib: Library, work: Steps<T>): T {
  let step = work.next();
  while (!step.done) step = resume(work, step.value, lib);
  return step.value;
}

function resume<T>(
  work: Steps<T>,
  step: Call | Promise<unknown>,
  lib: Library,
): IteratorResult<Call | Promise<unknown>, T> {
  if (step instanceof Promise) return work.next(false);
  let answer: Returned<unknown>;
  try {
    answer = {result: (step.fn as (...args: unknown[]) => unknown)(...step.args), errno: lib.errno()};
  } catch (error) {
    return work.throw(error);
  }
  return work.next(answer);
}

/**
 * Runs each call on libuv's pool, and what is between them on this thread; what comes before the first call at once.
 * Tells of each call that came back. Rejects with what the work throws.
 */
export async function runOff<T>(lib: Library, work: Steps<T>, answered: () => void = () => {}): Promise<T> {
  let step = work.next();
  while (!step.done) {
    let answer: unknown;
    try {
      if (step.value instanceof Promise) answer = await step.value;
      else {
        answer = await lib.off(step.value.fn, step.value.args);
        answered();
      }
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return step.value;
}
