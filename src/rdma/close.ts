/**
 * Closing a context in order: provers, DEKs, login, PD, device file. The kernel would free all at once; libmlx5 would
 * not.
 */
import {DekError} from '../errors.js';
import type {Context} from './context.js';
import {forEachDek} from './dek/for-each-dek.js';
import {refusals} from './refusal/refusals.js';
import {call, type Steps} from './steps.js';

/** Throws CLOSED and BUSY; goes on after any other error, since closing the device file frees everything on the NIC. */
export function closeContext(context: Context): void {
  context.ptr;
  if (context.busy) {
    throw new DekError('BUSY', `calls on ${context.info.name} are under way`, {hint: 'wait for them, or closeAsync()'});
  }
  context.here(closing(context));
}

/** The same, off this thread. */
export async function closeContextAsync(context: Context): Promise<void> {
  const {lib, deks} = context;
  context.ptr;
  context.refuseCalls(true);
  try {
    await context.idle();
    const slots = deks.slots();
    let refused = false;
    const errors = await forEachDek(context, slots.length, {
      call: 'destroy',
      wrapped: () => false,
      begin: (i) => {
        // After one refusal the others are left alone, to be tried again or to go with the device file.
        if (refused) throw new DekError('CLOSED', `device ${context.info.name} is being closed`);
        return deks.pointer(slots[i]!)!;
      },
      now: (pointer) => lib.mlx5dv_dek_destroy(pointer),
      start: (pointer, _i, done) => lib.async.mlx5dv_dek_destroy(pointer, done),
      end: (i, errno) => {
        if (errno === 0) deks.forget(slots[i]!);
        else refused = true;
      },
    });
    const busy = errors.find((error) => error?.code === 'BUSY');
    if (busy !== undefined) throw busy;
    await context.off(closing(context));
  } finally {
    context.refuseCalls(false);
  }
}

function* closing(context: Context): Steps<void> {
  const {lib, deks} = context;
  for (const prover of context.provers) yield* prover.closing();
  try {
    for (const slot of deks.slots()) {
      const {result: errno} = yield* call(lib.mlx5dv_dek_destroy, deks.pointer(slot)!);
      if (errno !== 0) throw yield* refusals(context)('destroy', errno, false);
      deks.forget(slot);
    }
    if (context.login) yield* context.login.close();
  } catch (error) {
    if (error instanceof DekError && error.code === 'BUSY') throw error;
  }
  yield* context.close();
}
