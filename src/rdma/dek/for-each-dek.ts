/** The same call for each of many DEKs, through the command queue of their context. */
import {DekError} from '../../errors.js';
import type {Commands} from '../command-queue.js';
import type {Context} from '../context.js';
import type {DekPtr} from '../ffi.js';
import type {Call} from '../refusal/errno-table.js';
import {refusals} from '../refusal/refusals.js';
import type {Steps} from '../steps.js';

/** What a refusal means may cost a command: a batch asks once for all refusals within this time. */
export const MEMORY_MS = 10;

/** What to do for number `i`. `begin` alone may throw as a rule, a DekError, and nothing is marked then. */
export interface DekCommand {
  call: Call;
  /** Whether the DEK came wrapped. */
  wrapped(i: number): boolean;
  /** Right before the command goes out: checks, and marks what must not go away meanwhile. */
  begin(i: number): DekPtr;
  /** Runs the command, here or off this thread, and tells its errno. */
  now(pointer: DekPtr, i: number): number;
  start(pointer: DekPtr, i: number, done: (errno: number) => void): void;
  /** After the command: takes the mark away. */
  end(i: number, errno: number): void;
}

/** In the place of an errno, when the command could not be sent. */
const NOT_SENT = -1;

/** Resolves with an error for each that failed. Never rejects. */
export async function forEachDek(context: Context, count: number, each: DekCommand): Promise<(DekError | undefined)[]> {
  const errors = new Array<DekError | undefined>(count).fill(undefined);
  await context.queue.run(commands(context, errors, each));
  return errors;
}

/** A command for each of `errors`, which is set when it fails. */
function commands(context: Context, errors: (DekError | undefined)[], each: DekCommand): Commands {
  const refusal = refusals(context, MEMORY_MS);
  /** When the error of one that was refused is made, which takes questions to the NIC. */
  const end = (i: number, errno: number): Promise<void> | undefined => {
    each.end(i, errno);
    if (errno === 0) return undefined;
    return settle(context, each.call, refusal(each.call, errno, each.wrapped(i)), (error) => {
      errors[i] = error;
    });
  };
  /** Whether the command was sent. */
  const send = (i: number, command: (pointer: DekPtr) => void): boolean => {
    let begun = false;
    try {
      const pointer = each.begin(i);
      begun = true;
      command(pointer);
      return true;
    } catch (error) {
      if (begun) each.end(i, NOT_SENT);
      errors[i] = asDekError(each.call, error);
      return false;
    }
  };
  return {
    count: errors.length,
    now: (i) => {
      let errno = NOT_SENT;
      const command = (pointer: DekPtr): void => {
        errno = each.now(pointer, i);
      };
      return send(i, command) ? end(i, errno) : undefined;
    },
    start: (i, done) =>
      send(i, (pointer) =>
        each.start(pointer, i, (errno) => {
          const ended = end(i, errno);
          if (ended) void ended.then(done);
          else done();
        }),
      ),
  };
}

/** Makes an error off this thread, and hands it on. Does not reject. */
export async function settle(
  context: Context,
  call: Call,
  making: Steps<DekError>,
  give: (error: DekError) => void,
): Promise<void> {
  give(await context.off(making).catch((error: unknown) => asDekError(call, error)));
}

/** What a call is refused with when `error` was thrown instead of sending it. */
export function asDekError(call: Call, error: unknown): DekError {
  return error instanceof DekError ? error : new DekError('INTERNAL', `${call} failed inside`, {cause: error});
}
