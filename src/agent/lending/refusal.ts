/** An error as a service is told it: a number of errno(3), and a text with the next step. */
import {constants} from 'node:os';
import {DekError, type DekErrorCode} from '../../errors.js';
import {ProtocolFault} from '../wire/fault.js';
import {type Holder, refusalRecord} from '../wire/records.js';

const {EACCES, EAGAIN, EBUSY, ECANCELED, EINVAL, EIO, ENODEV, ENOENT, ENOSPC, ENOTSUP} = constants.errno;

const ERRNO: Partial<Record<DekErrorCode, number>> = {
  BAD_ARGUMENT: EINVAL,
  BAD_INPUT: EAGAIN,
  NO_INPUT: EAGAIN,
  NO_LOGIN: EAGAIN,
  NOT_READY: EAGAIN,
  NO_DEVICE: ENODEV,
  NO_DEK: ENOENT,
  LIMIT: ENOSPC,
  UNSUPPORTED: ENOTSUP,
  PERMISSION: EACCES,
  BUSY: EAGAIN,
  EXISTS: EBUSY,
};

/** Another has the context. */
export class TenantError extends DekError<'EXISTS'> {
  readonly holder: Holder;

  constructor(device: string, holder: Holder) {
    super('EXISTS', `process ${holder.pid} of user id ${holder.uid} has the context of ${device}`, {
      hint: 'a context has one tenant: end it, or lend a context of your own',
    });
    this.holder = holder;
  }
}

export function asRefusal(error: unknown): Uint8Array {
  if (error instanceof ProtocolFault) return refusalRecord(error.errno, `${error.message}; see dek-attach(7)`);
  if (!(error instanceof DekError)) return refusalRecord(EIO, 'the agent failed at this request; its log says where');
  const {code, hint, message} = error as DekError;
  const text = hint === undefined ? message : `${message}; ${hint}`;
  return refusalRecord(ERRNO[code] ?? EIO, text, error instanceof TenantError ? error.holder : undefined);
}

/** The agent ends. */
export function farewell(): Uint8Array {
  return refusalRecord(ECANCELED, 'the agent ends');
}
