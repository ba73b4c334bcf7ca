/**
 * What a firmware status most likely means for a login or for a DEK. A table: `dek explain` prints it, and errors have
 * its words. Numbers and names of statuses are the kernel's; which status real firmware gives for which cause no public
 * source tells, so each line is assumed, from the status's name and from what the man pages of libmlx5 say.
 */
import type {DekErrorCode} from '../../errors.js';
import type {StatusName} from './status.js';

/** A login, a DEK that comes wrapped, or one in plaintext. */
export type Asked = 'login' | 'wrapped' | 'plaintext';

/** What is known of how real firmware behaves. */
export type Basis = 'assumed' | {readonly seen: string};

export interface Cause {
  readonly asked: readonly Asked[];
  readonly status: StatusName;
  readonly code: DekErrorCode;
  /** Goes on after `cannot log in to mlx5_0: ` and the like. */
  readonly text: string;
  /** The next step. */
  readonly hint: string;
  readonly basis: Basis;
}

const ANY = ['login', 'wrapped', 'plaintext'] as const;
const OFFICER = 'a crypto officer makes it operational: dek officer operational';
export const LOGIN_AGAIN =
  'log out, then log in with a credential and an import KEK that the crypto officer has loaded';
const ENGINE =
  'look whether mlxconfig has DATA_CRYPTO_ENGINE=DISABLED, whether the NIC is a crypto-enabled model, and whether ' +
  'its firmware is new enough: dek doctor';

export const CAUSES: readonly Cause[] = [
  {
    asked: ['login'],
    status: 'BAD_PARAM',
    code: 'REFUSED',
    text: 'the NIC refused the credential',
    hint:
      'it was wrapped under another import KEK than the one that was named, or with padding (RFC 5649), or it is not ' +
      'the credential that the officer loaded under that id',
    basis: 'assumed',
  },
  {
    asked: ['login'],
    status: 'BAD_IX',
    code: 'REFUSED',
    text: 'the NIC has no import KEK, or no credential, under that id',
    hint: 'an id is wrong (what CRYPTO_OPERATIONAL loaded has id 0), or the officer deleted one of the two',
    basis: 'assumed',
  },
  {
    asked: ['login'],
    status: 'BAD_RES_STATE',
    code: 'EXISTS',
    text: 'the context has a login already',
    hint: 'a device context has one login: whoever shares this one has logged in',
    basis: 'assumed',
  },
  {
    asked: ['wrapped'],
    status: 'BAD_PARAM',
    code: 'REFUSED',
    text: 'the NIC refused the wrapped key',
    hint:
      'it was wrapped under another import KEK than the login names, or with padding (RFC 5649), or not at all, or ' +
      'altered, or its key1 equals key2',
    basis: 'assumed',
  },
  {
    asked: ['plaintext'],
    status: 'BAD_PARAM',
    code: 'REFUSED',
    text: 'the NIC refused the plaintext key',
    hint: 'its key1 may equal key2, which the policy FIPS_LEVEL_2 (mlxconfig CRYPTO_POLICY) may forbid',
    basis: 'assumed',
  },
  {
    asked: ['wrapped'],
    status: 'BAD_RES_STATE',
    code: 'NOT_READY',
    text: 'the NIC says that there is no valid login',
    hint: LOGIN_AGAIN,
    basis: 'assumed',
  },
  {
    asked: ['plaintext'],
    status: 'BAD_RES_STATE',
    code: 'REFUSED',
    text: 'the context has a login from before the import mode changed',
    hint: 'close the device and open it again',
    basis: 'assumed',
  },
  {
    asked: ['wrapped', 'plaintext'],
    status: 'LIM_ERR',
    code: 'LIMIT',
    text: 'the NIC has no room for another DEK',
    hint: 'destroy DEKs that are not needed; the limit counts those of all processes',
    basis: {seen: 'libmlx5 and the kernel: LIM_ERR becomes ENOMEM; that the limit is that of DEKs is assumed'},
  },
  {
    asked: ['login'],
    status: 'LIM_ERR',
    code: 'LIMIT',
    text: 'the NIC has no room for another login',
    hint: 'close contexts that are logged in and not needed, of all processes',
    basis: {seen: 'libmlx5 and the kernel: LIM_ERR becomes ENOMEM; that the limit is that of logins is assumed'},
  },
  {
    asked: ['wrapped', 'plaintext'],
    status: 'BAD_RES',
    code: 'REFUSED',
    text: 'the NIC does not know the protection domain of the DEK',
    hint: 'close the device and open it again',
    basis: 'assumed',
  },
  {
    asked: ANY,
    status: 'BAD_SYS_STATE',
    code: 'UNSUPPORTED',
    text: 'the NIC is not operational (commissioning)',
    hint: OFFICER,
    basis: 'assumed',
  },
  {
    asked: ANY,
    status: 'BAD_OP',
    code: 'UNSUPPORTED',
    text: 'the firmware does not know the command: its crypto is off, or its import mode is another',
    hint: ENGINE,
    basis: 'assumed',
  },
  {
    asked: ANY,
    status: 'BAD_INP_LEN',
    code: 'UNSUPPORTED',
    text: 'the firmware expects a command of another length',
    hint: 'firmware and rdma-core are too far apart: update the older of the two',
    basis: 'assumed',
  },
  {
    asked: ANY,
    status: 'INT_ERR',
    code: 'REFUSED',
    text: 'the firmware failed inside',
    hint: 'try again; if it fails again, look for mlx5_core in the kernel log',
    basis: {seen: 'the kernel: INT_ERR is its internal error'},
  },
  {
    asked: ANY,
    status: 'RES_BUSY',
    code: 'BUSY',
    text: 'the NIC is busy',
    hint: 'try again after a moment',
    basis: {seen: 'libmlx5 and the kernel: RES_BUSY becomes EBUSY'},
  },
  {
    asked: ANY,
    status: 'NO_RES',
    code: 'BUSY',
    text: 'the firmware is short of resources at this moment',
    hint: 'try again after a moment',
    basis: {seen: 'libmlx5 and the kernel: NO_RES becomes EAGAIN'},
  },
  {
    asked: ANY,
    status: 'ABORTED',
    code: 'DEVICE_GONE',
    text: 'the kernel gave the command up: the NIC is in an internal error, or is being reset',
    hint: 'look for mlx5_core in the kernel log; after a reset all DEKs are lost',
    basis: {seen: 'the kernel: MLX5_DRIVER_STATUS_ABORTED, with the syndrome 0xbadd00de'},
  },
];

/** What `status` most likely means for what was asked, or undefined. */
export function causeOf(asked: Asked, status: StatusName | undefined): Cause | undefined {
  return CAUSES.find((cause) => cause.status === status && cause.asked.includes(asked));
}
