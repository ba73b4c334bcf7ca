/**
 * Why the firmware refused: libmlx5 keeps the status and throws the syndrome away, so the same command is sent once
 * more, by mlx5dv_devx_obj_create(3), which hands both on. Should it be done this time, what it made is destroyed at
 * once. Left out: refusals that are only for now, which are worth another try and no question.
 */
import {wipe} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {Context} from '../context.js';
import type {DevxObjPtr} from '../ffi.js';
import {call, type Steps} from '../steps.js';
import {errnoName} from './errno-name.js';
import type {Told} from './status.js';

/** After these it is the firmware that refused, and for good. */
const REFUSALS: ReadonlySet<string> = new Set(['EINVAL', 'EIO', 'ENOMEM', 'EREMOTEIO']);
/** The head of an answer: status, and at byte 4 the syndrome. */
const OUT_BYTES = 16;
/** A firmware that is busy is asked so often to let go. */
const DESTROY_TRIES = 3;

let isOn = true;

/**
 * Whether a login or a DEK that the firmware refuses is asked for once more, to learn its status and syndrome: yes,
 * unless it is switched off for this process.
 * @param on - whether to
 * @throws DekError: BAD_ARGUMENT unless it is true or false
 */
export function explainRefusals(on: boolean): void {
  if (typeof on !== 'boolean') throw new DekError('BAD_ARGUMENT', '"on" expected true or false');
  isOn = on;
}

/**
 * Asks; undefined when that taught nothing. What `makeMailbox` gives, before the first call, is wiped here. Does not
 * throw.
 */
export function* askAgain(context: Context, errno: number, makeMailbox: () => Uint8Array): Steps<Told | undefined> {
  if (!isOn || !REFUSALS.has(errnoName(errno))) return undefined;
  try {
    return yield* sendOnce(context, makeMailbox);
  } catch {
    return undefined; // asked only to explain another error: that one is the answer
  }
}

/**
 * Sends a command that makes an object, and destroys what it made at once. undefined when the firmware said nothing.
 * What `makeMailbox` gives is wiped here. Throws CLOSED.
 */
export function* sendOnce(context: Context, makeMailbox: () => Uint8Array): Steps<Told | undefined> {
  let mailbox: Uint8Array | undefined;
  try {
    mailbox = makeMailbox();
    const {lib, ptr} = context;
    const out = new Uint8Array(new ArrayBuffer(OUT_BYTES));
    const {result: object} = yield* call(lib.mlx5dv_devx_obj_create, ptr, mailbox, mailbox.length, out, out.length);
    if (object !== null) {
      yield* destroy(context, object);
      return 'not repeated';
    }
    const status = out[0]!;
    return status === 0 ? undefined : {status, syndrome: new DataView(out.buffer).getUint32(4)};
  } finally {
    wipe(mailbox);
  }
}

/** What the firmware does not let go of is tried again with the next commands, and goes with the context at last. */
function* destroy(context: Context, object: DevxObjPtr): Steps<void> {
  context.strays.add(object);
  for (let tries = 0; tries < DESTROY_TRIES && context.strays.has(object); tries++) yield* context.sweep();
}
