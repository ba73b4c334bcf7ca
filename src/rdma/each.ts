/** The same call for each of many DEKs, through the lanes of their context. */
import {DekError} from '../errors.js';
import type {Context} from './context.js';
import type {Call} from './errno.js';
import type {Work} from './lanes.js';
import {refusals} from './refusal.js';

/** What a refusal means may cost a command on this thread: a batch asks once for all refusals within this time. */
const MEMORY_MS = 10;

/** What to do for number `i`. `begin` alone may throw, a DekError; `Handed` is what it hands to the command. */
export interface Each<Handed> {
  call: Call;
  /** Whether the DEK came wrapped. */
  wrapped(i: number): boolean;
  /** Right before the command goes out: checks, and marks what must not go away meanwhile. */
  begin(i: number): Handed;
  /** Runs the command, here or off this thread, and tells its errno. */
  now(handed: Handed, i: number): number;
  start(handed: Handed, i: number, done: (errno: number) => void): void;
  /** After the command: takes the mark away. */
  end(i: number, errno: number): void;
}

/** Resolves with an error for each that failed. Never rejects. */
export async function each<Handed>(
  context: Context,
  count: number,
  each: Each<Handed>,
): Promise<(DekError | undefined)[]> {
  const errors = new Array<DekError | undefined>(count).fill(undefined);
  await context.lanes.run(commands(context, errors, each));
  return errors;
}

/** The same as work for the lanes: a command for each of `errors`, which is set when it fails. */
export function commands<Handed>(context: Context, errors: (DekError | undefined)[], each: Each<Handed>): Work {
  const refusal = refusals(context, MEMORY_MS);
  const end = (i: number, errno: number) => {
    each.end(i, errno);
    if (errno !== 0) errors[i] = refusal(each.call, errno, each.wrapped(i));
  };
  const failed = (i: number, error: unknown) => {
    errors[i] =
      error instanceof DekError ? error : new DekError('INTERNAL', `${each.call} failed inside`, {cause: error});
  };
  return {
    count: errors.length,
    now: (i) => {
      try {
        end(i, each.now(each.begin(i), i));
      } catch (error) {
        failed(i, error);
      }
    },
    start: (i, done) => {
      const ended = (errno: number) => {
        end(i, errno);
        done();
      };
      try {
        each.start(each.begin(i), i, ended);
        return true;
      } catch (error) {
        failed(i, error);
        return false;
      }
    },
  };
}

/** Two commands for each: the second right after the first, in its lane, unless that failed. */
export function inPairs(first: Work, second: Work, hasFailed: (i: number) => boolean): Work {
  return {
    count: first.count,
    steps: 2,
    now: (i) => {
      first.now(i);
      if (!hasFailed(i)) second.now(i);
    },
    start: (i, done) =>
      first.start(i, () => {
        if (hasFailed(i) || !second.start(i, done)) done();
      }),
  };
}
