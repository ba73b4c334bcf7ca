/**
 * What an errno of libibverbs or libmlx5 means for a call: a table, of which errno.ts makes errors and `dek explain`
 * its answers. Sources: the ERRORS sections of mlx5dv_crypto_login(3) and its neighbours, and libmlx5's translation of
 * firmware statuses (status.ts).
 */
import type {LoginState} from '../../dek-layout.js';
import type {DekErrorCode} from '../../errors.js';
import {type Asked, causeOf, LOGIN_AGAIN} from './causes.js';
import type {StatusName, Told} from './status.js';

/** What was tried. */
export type Call =
  | 'list'
  | 'open'
  | 'caps'
  | 'command'
  | 'pd'
  | 'login'
  | 'loginQuery'
  | 'logout'
  | 'create'
  | 'query'
  | 'destroy'
  | 'cq'
  | 'mr'
  | 'qp'
  | 'mkey'
  | 'connect'
  | 'post'
  | 'poll';

/** What the meaning of an errno depends on. */
export interface About {
  /** The device's name, `mlx5_0`. */
  device: string;
  /** DEKs that fit on the NIC now, 0 when unknown; asked only when it is full. */
  maxDeks?: () => number;
  /** Whether the DEK came wrapped. */
  wrapped?: boolean;
  /** What the login says of itself, asked only when it matters. */
  loginState?: () => LoginState;
  /** Whether the NIC answers something else, asked only after EIO. */
  answers?: () => boolean;
  /** What the firmware said when it was asked once more. */
  told?: Told | undefined;
  /** Why the NIC cannot do that at all, by what it says now; asked only after an errno that it may mean. */
  unfit?: (() => Meaning | undefined) | undefined;
}

/** What an errno means. */
export type Meaning = readonly [code: DekErrorCode, text: string, hint?: string | undefined];
/** What a status of the firmware most likely means, as causes.ts has it. */
export function likelyMeaning(asked: Asked, status: StatusName | undefined): Meaning | undefined {
  const cause = causeOf(asked, status);
  return cause && [cause.code, cause.text, cause.hint];
}

export type Table = Readonly<Record<string, (about: About) => Meaning>>;

/** What did not succeed, on this device. */
export const TRIED: Readonly<Record<Call, (device: string) => string>> = {
  list: () => 'cannot list RDMA devices',
  open: (device) => `cannot open ${device}`,
  caps: (device) => `cannot read the capabilities of ${device}`,
  command: (device) => `cannot send a command to ${device}`,
  pd: (device) => `cannot allocate a protection domain on ${device}`,
  login: (device) => `cannot log in to ${device}`,
  loginQuery: (device) => `cannot query the login of ${device}`,
  logout: (device) => `cannot log out of ${device}`,
  create: (device) => `cannot create a DEK on ${device}`,
  query: (device) => `cannot query a DEK of ${device}`,
  destroy: (device) => `cannot destroy a DEK of ${device}`,
  cq: (device) => `cannot create a completion queue on ${device}`,
  mr: (device) => `cannot register memory with ${device}`,
  qp: (device) => `cannot create a queue pair on ${device}`,
  mkey: (device) => `cannot create a memory key on ${device}`,
  connect: (device) => `cannot connect a queue pair of ${device} with itself`,
  post: (device) => `cannot post work requests to ${device}`,
  poll: (device) => `cannot poll a completion queue of ${device}`,
};

const gone = (): Meaning => [
  'DEVICE_GONE',
  'the NIC stopped answering',
  'look for mlx5_core in the kernel log; after a reset all DEKs are lost: open the device again and re-create them',
];
/** EIO is also what libmlx5 makes of a firmware status that it has no errno for: one failed command, not a lost NIC. */
const failedInside = ({answers}: About): Meaning =>
  answers?.()
    ? ['REFUSED', 'the firmware failed', 'try again; if it fails again, look for mlx5_core in the kernel log']
    : gone();
const busy = (): Meaning => ['BUSY', 'the NIC is busy', 'try again after a moment'];
const filesOpen = (): Meaning => [
  'LIMIT',
  'too many open files',
  'close devices that are not needed, or raise ulimit -n',
];
const denied = (): Meaning => [
  'PERMISSION',
  'the operating system refused access',
  'check the mode of /dev/infiniband/uverbs*, and in a container its device cgroup',
];

const noUmr = (): Meaning => ['UNSUPPORTED', 'the NIC lays out no memory keys for its AES-XTS engine (UMR)'];

const untold = (): Meaning => [
  'REFUSED',
  'the firmware refused; rdma-core before 40 does not say why',
  'update libibverbs1 and ibverbs-providers to learn the reason',
];

/** Whatever the call. */
export const ANY_CALL: Table = {
  EIO: failedInside,
  ENODEV: gone,
  ENXIO: gone,
  EAGAIN: busy,
  EBUSY: busy,
  EMFILE: filesOpen,
  ENFILE: filesOpen,
  EPERM: denied,
  EACCES: denied,
  EINVAL: () => ['REFUSED', 'the NIC or its driver refused the arguments'],
  ENOMEM: () => ['LIMIT', 'the NIC or the system is out of memory'],
  EOPNOTSUPP: () => ['UNSUPPORTED', 'the NIC, its firmware or its driver cannot do that'],
  EREMOTEIO: () => untold(),
};

const DEVX_NEEDED = 'the kernel needs the mlx5_ib driver with DEVX, and the firmware has to allow it';

/** What it means for one call. */
export const BY_CALL: Readonly<Partial<Record<Call, Table>>> = {
  open: {
    ENOENT: () => ['NO_DEVICE', 'its device node does not exist', 'check that the module ib_uverbs is loaded'],
    EINVAL: () => ['UNSUPPORTED', 'the driver does not give access to firmware objects (DEVX)', DEVX_NEEDED],
    EOPNOTSUPP: () => ['UNSUPPORTED', 'the driver does not give access to firmware objects (DEVX)', DEVX_NEEDED],
  },
  command: {
    EINVAL: () => ['UNSUPPORTED', 'the kernel does not pass this command'],
    EREMOTEIO: () => ['REFUSED', 'the firmware refused without a reason'],
  },
  login: {
    EEXIST: () => ['EXISTS', 'a login exists already', 'a device context has one login: log out first'],
    EINVAL: () => [
      'REFUSED',
      'the NIC refused the credential',
      'an id is wrong (what CRYPTO_OPERATIONAL loaded has id 0), the credential was wrapped under another import ' +
        'KEK, or with padding (RFC 5649), or the officer deleted one of the two',
    ],
    ENOMEM: () => likelyMeaning('login', 'LIM_ERR')!,
    EOPNOTSUPP: () => [
      'UNSUPPORTED',
      'the NIC takes no login: it is not operational, or it has no wrapped import',
      'dek device show tells which; a crypto officer makes it operational: dek officer operational',
    ],
  },
  loginQuery: {
    EINVAL: () => ['REFUSED', 'the NIC did not report the state of the login', LOGIN_AGAIN],
  },
  logout: {
    ENOENT: () => ['NO_LOGIN', 'there is no login'],
  },
  create: {
    EINVAL: ({wrapped, loginState}) => {
      if (!wrapped) {
        return ['REFUSED', 'the NIC refused the plaintext key', 'it may take wrapped keys only, or key1 equals key2'];
      }
      return loginLost(loginState) ?? likelyMeaning('wrapped', 'BAD_PARAM')!;
    },
    EREMOTEIO: ({wrapped, loginState}) => (wrapped ? loginLost(loginState) : undefined) ?? untold(),
    ENOMEM: ({maxDeks}) => {
      const most = maxDeks?.() ?? 0;
      const [code, text, hint] = likelyMeaning('wrapped', 'LIM_ERR')!;
      return [code, `${text}${most === 0 ? '' : `: it holds at most ${most}`}`, hint];
    },
    EOPNOTSUPP: () => ['UNSUPPORTED', 'the NIC has no AES-XTS engine, or its firmware does not support DEKs'],
  },
  query: {
    EINVAL: ({wrapped, loginState}) =>
      (wrapped ? loginLost(loginState) : undefined) ?? ['REFUSED', 'the NIC did not report the state of the DEK'],
    EREMOTEIO: ({wrapped, loginState}) => (wrapped ? loginLost(loginState) : undefined) ?? untold(),
  },
  mr: {
    ENOMEM: () => [
      'LIMIT',
      'not enough memory may be locked',
      'raise ulimit -l, or LimitMEMLOCK= of the systemd unit, by some 300 KiB',
    ],
  },
  qp: {EINVAL: noUmr, EOPNOTSUPP: noUmr, EREMOTEIO: noUmr},
  mkey: {EINVAL: noUmr, EOPNOTSUPP: noUmr, EREMOTEIO: noUmr},
  destroy: {
    EBUSY: () => ['BUSY', 'it is in use, or the NIC is busy', 'try again when no MKey uses it; the DEK is still there'],
  },
};

/** A create or a query of a wrapped DEK is refused without a valid login: tell that apart from a bad key. */
function loginLost(loginState: About['loginState']): Meaning | undefined {
  switch (loginState?.()) {
    case 'INVALID':
      return ['NOT_READY', 'the login is INVALID: its import KEK or credential was deleted from the NIC', LOGIN_AGAIN];
    case 'NO_LOGIN':
      return ['NO_LOGIN', 'there is no login', 'log in first: a wrapped DEK is created and queried under a login'];
    default:
      return undefined;
  }
}
