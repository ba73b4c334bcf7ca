/**
 * `tpm:INDEX[?tcti=TCTI]`: an index in the non-volatile memory of a TPM 2.0, which no image of the disk sets back.
 * INDEX is a handle of an NV index, such as 0x1800020 of the range for owners; TCTI the way to the TPM, as tpm2-tools
 * have it, by default the kernel's resource manager.
 *
 * The NV index has 56 bytes, an empty authorization value, and no part in the lockout. So whoever may use the TPM, that
 * is root and the group tss, may write it: it withstands an image, not live root.
 */
import {Deadline, type Limit} from '../deadline.js';
import {DekError} from '../errors.js';
import {Tpm, TpmRefusal} from './ffi.js';
import {ENROLL, RECORD_BYTES} from './record.js';
import type {Store} from './store.js';

const KERNEL = 'device:/dev/tpmrm0';
const NV_INDICES = {first: 0x01000000, last: 0x01ffffff};
/** TPMA_NV: to be read and written by the owner and by its own authorization value; never locked out. */
const ATTRIBUTES = 0x2 | 0x4 | 0x20000 | 0x40000 | 0x2000000;
const AUTHWRITE = 0x4;
const AUTHREAD = 0x40000;
const WRITTEN = 0x20000000;

/** TPM2_RC: the first handle of the command, that of the index, is not there. */
const RC_HANDLE = 0x18b;
const RC_NV_DEFINED = 0x14c;
const RC_NV_SPACE = 0x14b;
/** To be tried again: too many writes at a time, and a TPM that is busy. */
const RC_AGAIN: readonly number[] = [0x920, 0x922, 0x90a];
const AGAIN_MS = 200;
/** The owner has a password, or the index; as TPM2_RC_BAD_AUTH and TPM2_RC_AUTH_FAIL of session 1. */
const RC_AUTH: readonly number[] = [0x9a2, 0x98e];

export function storeOf(rest: string): Store {
  const [, digits = '', tcti = KERNEL] = /^(0x[0-9a-fA-F]{1,8})(?:\?tcti=(.+))?$/.exec(rest) ?? [];
  const index = Number(digits || Number.NaN);
  if (!(index >= NV_INDICES.first && index <= NV_INDICES.last)) {
    throw new DekError('BAD_ARGUMENT', 'a rollback index in a TPM is tpm:INDEX[?tcti=TCTI]', {
      hint: 'INDEX is the handle of an NV index, such as 0x1800020',
    });
  }
  const place = new Place(index, tcti);
  const {name} = place;
  return {
    name,
    read: (limit) => place.use(limit, (tpm) => readIndex(tpm, index, name)),
    write: (record, limit) => place.use(limit, (tpm) => writeIndex(tpm, index, name, record)),
    prepare: (limit) => place.use(limit, (tpm) => defineIndex(tpm, index, name)),
  };
}

/** An index of a TPM, which is opened for each use: others want it too. */
class Place {
  readonly name: string;
  readonly #tcti: string;

  constructor(index: number, tcti: string) {
    this.name = `tpm:0x${index.toString(16)}`;
    this.#tcti = tcti;
  }

  /** Calls `use` with the TPM, again while it says so. Throws IO, UNSUPPORTED, PERMISSION. */
  async use<T>(limit: Limit, use: (tpm: Tpm) => Promise<T>): Promise<T> {
    const deadline = new Deadline(this.name, limit);
    for (;;) {
      try {
        return await deadline.wait(() => this.#once(use));
      } catch (error) {
        if (!(error instanceof TpmRefusal)) throw error;
        if (!RC_AGAIN.includes(error.code)) throw refused(this.name, error);
        deadline.check();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #once<T>(use: (tpm: Tpm) => Promise<T>): Promise<T> {
    const tpm = await Tpm.open(this.#tcti);
    try {
      return await use(tpm);
    } finally {
      await tpm.close();
    }
  }
}

/** The handle of libtss2; undefined where there is no such index. Throws UNSUPPORTED for one that is not ours. */
async function handleOf(
  tpm: Tpm,
  index: number,
  name: string,
): Promise<{handle: number; isWritten: boolean} | undefined> {
  let handle: number;
  try {
    handle = await tpm.handleOf(index);
  } catch (error) {
    if (error instanceof TpmRefusal && error.code === RC_HANDLE) return undefined;
    throw error;
  }
  const {attributes, dataBytes} = await tpm.nvPublic(handle);
  const isOurs = dataBytes === RECORD_BYTES && (attributes & AUTHWRITE) !== 0 && (attributes & AUTHREAD) !== 0;
  if (isOurs) return {handle, isWritten: (attributes & WRITTEN) !== 0};
  throw new DekError('UNSUPPORTED', `${name} is an NV index for something else: it has ${dataBytes} bytes`, {
    hint: `an index of ours has ${RECORD_BYTES} bytes and the attributes authread and authwrite: name another one`,
  });
}

async function readIndex(tpm: Tpm, index: number, name: string): Promise<Uint8Array | null> {
  const found = await handleOf(tpm, index, name);
  return found?.isWritten ? tpm.nvRead(found.handle, RECORD_BYTES) : null;
}

async function writeIndex(tpm: Tpm, index: number, name: string, record: Uint8Array): Promise<void> {
  const found = await handleOf(tpm, index, name);
  if (!found) throw new DekError('NOT_ENROLLED', `the TPM has no index ${name}`, {hint: ENROLL});
  await tpm.nvWrite(found.handle, record);
}

async function defineIndex(tpm: Tpm, index: number, name: string): Promise<void> {
  if (await handleOf(tpm, index, name)) return;
  try {
    await tpm.nvDefine(index, RECORD_BYTES, ATTRIBUTES);
  } catch (error) {
    // Another process was faster.
    if (!(error instanceof TpmRefusal && error.code === RC_NV_DEFINED)) throw error;
  }
}

function refused(name: string, cause: TpmRefusal): DekError {
  const {code} = cause;
  const hex = `0x${code.toString(16)}`;
  if (RC_AUTH.includes(code) && cause.call !== 'Esys_NV_DefineSpace') {
    const hint = 'make it anew without one: tpm2_nvundefine -C o INDEX, then dek rollback-index enroll';
    return new DekError('PERMISSION', `the index ${name} has a password of its own (${hex})`, {hint, cause});
  }
  if (RC_AUTH.includes(code)) {
    const attributes = 'ownerread|ownerwrite|authread|authwrite|no_da';
    return new DekError('PERMISSION', `the owner of the TPM has a password (${hex})`, {
      hint: `make the index with it: tpm2_nvdefine -C o -P PASSWORD -s ${RECORD_BYTES} -a '${attributes}' INDEX`,
      cause,
    });
  }
  if (code === RC_NV_SPACE) return new DekError('LIMIT', `the TPM has no room for ${name} (${hex})`, {cause});
  // The layer is in the upper half: of the TPM itself it is 0, else it is the way there.
  if (code >>> 16 === 0) return new DekError('IO', `the TPM refused ${name}: ${cause.message}`, {cause});
  return new DekError('IO', `the TPM of ${name} cannot be reached: ${cause.message}`, {
    hint: 'it is /dev/tpmrm0, for root and the group tss; tpm:INDEX?tcti=TCTI names another',
    cause,
  });
}
