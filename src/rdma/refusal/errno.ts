/**
 * The one place where an errno of libibverbs or libmlx5 becomes a DekError that says what it means for this call. What
 * the firmware itself said, which libmlx5 does not pass on, comes from ask-again.ts, where it was asked.
 */
import {DekError} from '../../errors.js';
import {errnoName} from './errno-name.js';
import {type About, ANY_CALL, BY_CALL, type Call, likelyMeaning, type Meaning, TRIED} from './errno-table.js';
import {STATUS_ERRNOS, statusName, statusText, syndromeText} from './status.js';

/**
 * What a NIC answers to what it cannot do at all. Which errno it is depends on the firmware, and on the release of
 * rdma-core.
 */
const UNFIT: ReadonlySet<string> = new Set(['EINVAL', 'EIO', 'EOPNOTSUPP', 'EREMOTEIO']);

function unfitted(errno: string, {unfit}: About): Meaning | undefined {
  const why = UNFIT.has(errno) ? unfit?.() : undefined;
  return why && [why[0], `the NIC ${why[1]}`, why[2]];
}

/** Errnos that do not tell one cause from another: what the firmware said tells more. */
const VAGUE: ReadonlySet<string> = new Set(['EINVAL', 'EIO', 'EREMOTEIO']);

/** By the status of the firmware, where it was told and the errno says less. */
function toldCause(call: Call, errno: string, {told, wrapped}: About): Meaning | undefined {
  if (typeof told !== 'object' || !VAGUE.has(errno) || (call !== 'login' && call !== 'create')) return undefined;
  const asked = call === 'login' ? 'login' : wrapped ? 'wrapped' : 'plaintext';
  return likelyMeaning(asked, statusName(told.status));
}

const NOT_REPEATED =
  'the refusal was not repeated: asked once more, the NIC did it (what that made was destroyed at once); try again';

/** The error for a `call` that came back with `errno` (positive). */
export function callFailed(call: Call, errno: number, about: About): DekError {
  const {told} = about;
  const given = errnoName(errno);
  const firmware = typeof told === 'object' ? told : undefined;
  // A libmlx5 that hands no reasons on says EREMOTEIO of all: the status stands for the errno that it would be.
  const status = firmware && statusName(firmware.status);
  const name = given === 'EREMOTEIO' && firmware ? ((status && STATUS_ERRNOS[status]) ?? 'EIO') : given;
  const byErrno = (BY_CALL[call]?.[name] ?? ANY_CALL[name])?.(about);
  const isLoginLost = byErrno?.[0] === 'NOT_READY' || byErrno?.[0] === 'NO_LOGIN';
  const [code, text, hint] =
    unfitted(name, about) ??
    (isLoginLost || byErrno?.[0] === 'DEVICE_GONE' ? byErrno : undefined) ??
    toldCause(call, name, about) ??
    byErrno ??
    (['REFUSED', 'the library gave no known reason'] as const);
  const reason = firmware
    ? `${given}; firmware status ${statusText(firmware.status)}, syndrome ${syndromeText(firmware.syndrome)}`
    : given;
  return new DekError(code, `${TRIED[call](about.device)}: ${text} (${reason})`, {
    hint: told === 'not repeated' ? NOT_REPEATED : hint,
    errno: given,
    firmware: firmware && {
      status: status ?? `0x${firmware.status.toString(16)}`,
      syndrome: syndromeText(firmware.syndrome),
    },
  });
}
