/**
 * The one error class of the project. Two families share it: the caller asked wrongly (BAD_ARGUMENT, BAD_INPUT ...),
 * or a library, the NIC or the agent said no (`errno` then has the C name).
 */

/** Exit status by error code, an interface of the command line: dek(1), EXIT STATUS. */
const EXIT_STATUS = {
  /** A value of the wrong type, length or range was passed to the library or on the command line. */
  BAD_ARGUMENT: 2,
  /** A file or a stream holds something other than what was asked for. */
  BAD_INPUT: 2,
  /** A secret was offered in a place where others can read it. */
  UNSAFE_SECRET: 2,
  NO_DEVICE: 3,
  NO_AGENT: 3,
  NO_DEK: 3,
  /** No login where one is needed. */
  NO_LOGIN: 3,
  /** libibverbs or libmlx5 is missing. */
  NO_LIBRARY: 3,
  /** A library is older than what is needed. */
  OLD_LIBRARY: 3,
  /** Libraries that belong together are of different releases. */
  MIXED_LIBRARIES: 3,
  /** A file, descriptor or credential that was named is not there. */
  NO_INPUT: 3,
  /** The NIC or its firmware refused the command. */
  REFUSED: 4,
  /** The NIC, or the library installed, cannot do this at all. */
  UNSUPPORTED: 4,
  /** The operating system refused access. */
  PERMISSION: 4,
  /** The NIC has no room for another DEK. */
  LIMIT: 4,
  /** The NIC stopped answering. */
  DEVICE_GONE: 4,
  EXISTS: 5,
  BUSY: 5,
  /** RFC 3394's integrity check failed: wrong KEK or altered bytes. One code, no detail. */
  UNWRAP_FAILED: 6,
  /** An envelope was sealed under another name. */
  WRONG_NAME: 6,
  /** A key is whole, and not the one that its check value (DCV) names. */
  WRONG_KEY: 6,
  /** A signature is not of this file: the file, or the signature, is another one. */
  BAD_SIGNATURE: 6,
  /** Nobody who may has signed the file, or too few have. */
  UNSIGNED: 6,
  /** A known answer came out wrong on this machine. */
  SELFTEST_FAILED: 6,
  /** Known data came out of the NIC otherwise than the check value (DCV) of a DEK says. */
  PROOF_FAILED: 6,
  /** A DEK in ERROR, or a login that turned INVALID. */
  NOT_READY: 7,
  /** The clock of this host is before the date of a file that was just made. */
  CLOCK_NOT_SET: 7,
  /** The rollback index has no entry for the manifest yet. */
  NOT_ENROLLED: 7,
  /** Nothing could be shown of a DEK that was to be proven. */
  NOT_PROVABLE: 7,
  /** AES-XTS with key1 == key2 (FIPS 140-3 IG C.I): whole, but not to be used. */
  EQUAL_KEYS: 8,
  /** Whole, but past the date that it was made for. */
  EXPIRED: 8,
  /** Whole, but meant for another host. */
  WRONG_HOST: 8,
  /** Whole, but older than what this host has accepted, or another of the same generation. */
  ROLLED_BACK: 8,
  /** Whole, but not in the release. */
  NOT_RELEASED: 8,
  /** A handle was used after its close. */
  CLOSED: 1,
  /** Reading, writing or running something failed. */
  IO: 1,
  INTERNAL: 1,
} as const;

/** What went wrong, for programs. dek(1) has the exit status of each. */
export type DekErrorCode = keyof typeof EXIT_STATUS;

/** All of them, as docs/errors.md lists them. @internal */
export const DEK_ERROR_CODES = Object.keys(EXIT_STATUS) as readonly DekErrorCode[];

/** What the firmware of a NIC said of a command that it refused. */
export interface FirmwareAnswer {
  /** Its name in the kernel, such as `BAD_PARAM`, or `0x` and its number. */
  readonly status: string;
  /** `0x` and 8 hex digits; NVIDIA does not publish what they mean. */
  readonly syndrome: string;
}

/** What an error has besides its code and message. */
export interface DekErrorOptions {
  /** The next step, as a sentence of its own. */
  hint?: string | undefined;
  /** The C name of the errno behind this error, such as `EINVAL`. */
  errno?: string | undefined;
  /** What the firmware said, where it was asked. */
  firmware?: FirmwareAnswer | undefined;
  cause?: unknown;
}

/** Every error that this package throws on purpose. `message` never holds key material. */
export class DekError<Code extends DekErrorCode = DekErrorCode> extends Error {
  /** What went wrong, for programs. */
  readonly code: Code;
  /** The next step, as a sentence of its own. */
  readonly hint: string | undefined;
  /** The C name of the errno behind this error, such as `EINVAL`. */
  readonly errno: string | undefined;
  /** What the firmware said, where it was asked. */
  readonly firmware: FirmwareAnswer | undefined;

  constructor(code: Code, message: string, options: DekErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.name = 'DekError';
    this.code = code;
    this.hint = options.hint;
    this.errno = options.errno;
    this.firmware = options.firmware;
  }

  /** What the process exits with when this error ends it: 1 to 8, see dek(1). */
  get exitStatus(): number {
    return EXIT_STATUS[this.code];
  }
}

/** The same with another message, that says more of where it came up; with another next step, if one is given. */
export function withMessage(error: DekError, message: string, hint = error.hint): DekError {
  const {code, errno, firmware} = error;
  return new DekError(code, message, {hint, errno, firmware, cause: error});
}

/** The shape of an error in `--json` output and in the agent's answers. */
export interface ErrorJson {
  error: {code: string; message: string; hint?: string; errno?: string; firmware?: FirmwareAnswer};
}

/** The public part of an error: never a stack, never a cause. */
export function errorJson(error: DekError): ErrorJson {
  const {code, message, hint, errno, firmware} = error;
  return {
    error: {
      code,
      message,
      ...(hint === undefined ? {} : {hint}),
      ...(errno === undefined ? {} : {errno}),
      ...(firmware === undefined ? {} : {firmware}),
    },
  };
}

/** Whether `code`, from outside, is one of ours. */
export function isDekErrorCode(code: unknown): code is DekErrorCode {
  return typeof code === 'string' && Object.hasOwn(EXIT_STATUS, code);
}

/** The `code` of a Node system error such as `ENOENT`, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
