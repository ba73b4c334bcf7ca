/**
 * What agent and client say to each other: HTTP on a unix socket. A wrapped key or credential is the raw body of a PUT
 * (so that `curl -T FILE` works), parameters are the query, every answer is JSON. A plaintext key never passes here: the
 * agent reads it from a descriptor of the client. Pure: names, shapes and schemas, no I/O.
 *
 *     GET    /v1/status                                              AgentStatus
 *     PUT    /v1/login?credentialId=N&importKekId=N    48 bytes      LoginStatus
 *     DELETE /v1/login                                               {}
 *     GET    /v1/deks                                                {deks: DekStatus[]}
 *     PUT    /v1/deks/NAME?import=wrapped&opaque=HEX   wrapped key   DekStatus
 *     PUT    /v1/deks/NAME?import=plaintext&fd=N       no body       DekStatus
 *     GET    /v1/deks/NAME                                           DekStatus
 *     DELETE /v1/deks?name=NAME&name=NAME              or ?all=true  {destroyed: string[]}
 *
 * An error is ErrorJson with a status of 400 or above.
 */
import {DEK_NAME} from '../dek-name.js';
import {DekError, type DekErrorCode, isDekErrorCode} from '../errors.js';

/** The most bytes that a request body may have: the largest wrapped DEK is 80. */
export const MAX_BODY_BYTES = 128;

export type ImportMode = 'wrapped' | 'plaintext';
export type DekState = 'READY' | 'ERROR' | 'UNKNOWN';
export type LoginState = 'VALID' | 'INVALID' | 'NO_LOGIN' | 'UNKNOWN';

export interface DekStatus {
  name: string;
  /** UNKNOWN: the NIC would not say, because the login is not valid or the NIC is gone. */
  state: DekState;
  keySize: 128 | 256;
  keytag: boolean;
  import: ImportMode;
  /** The 8 opaque bytes in hex. */
  opaque: string;
}

export interface LoginStatus {
  state: LoginState;
  credentialId: number;
  importKekId: number;
}

export interface AgentStatus {
  version: string;
  pid: number;
  device: {name: string; importMode: string; gone: boolean};
  /** null when the agent is not logged in. */
  login: LoginStatus | null;
  deks: number;
  /** DEKs that the NIC can hold for all processes together; 0 when it does not say. */
  maxDeks: number;
}

export interface LoginRequest {
  /** 48 bytes, wrapped. */
  credential: Uint8Array;
  credentialId: number;
  importKekId: number;
}

/** A DEK to create: size and keytag follow from the length of its key. */
export interface CreateRequest {
  name: string;
  /** Up to 8 bytes. */
  opaque: Uint8Array;
  /** 40, 48, 72 or 80 bytes. Either this or `plaintext`. */
  wrapped?: Uint8Array | undefined;
  /**
   * Where the agent reads a plaintext key (32, 40, 64 or 72 bytes): a descriptor of the process that asks. A secret does
   * not travel by HTTP, whose buffers nobody wipes.
   */
  plaintext?: {fd: number; format?: KeyFormat | undefined} | undefined;
}

export type KeyFormat = 'raw' | 'hex' | 'base64';

/** Which DEKs to destroy: all, or those named. */
export type DestroyRequest = {all: true} | {names: readonly string[]};

const id = {type: 'integer', minimum: 0, maximum: 0xffffff} as const;
const name = {type: 'string', pattern: DEK_NAME} as const;
const exactly = {type: 'object', additionalProperties: false} as const;

/** JSON Schemas of the parameters, by route. */
export const schemas = {
  empty: {querystring: exactly},
  login: {
    querystring: {
      ...exactly,
      required: ['credentialId', 'importKekId'],
      properties: {credentialId: id, importKekId: id},
    },
  },
  create: {
    params: {...exactly, properties: {name}},
    querystring: {
      ...exactly,
      required: ['import'],
      properties: {
        import: {enum: ['wrapped', 'plaintext']},
        opaque: {type: 'string', pattern: '^([0-9a-f]{2}){0,8}$', default: ''},
        fd: {type: 'integer', minimum: 0, maximum: 0x7fffffff},
        format: {enum: ['raw', 'hex', 'base64']},
      },
    },
  },
  one: {params: {...exactly, properties: {name}}, querystring: exactly},
  destroy: {
    querystring: {
      ...exactly,
      properties: {all: {const: 'true'}, name: {type: 'array', items: name, minItems: 1}},
      oneOf: [{required: ['all']}, {required: ['name']}],
    },
  },
} as const;

/** HTTP status of an error code, for curl's sake: dek's own client reads the code. */
export function httpStatus(error: DekError): number {
  if (error.code === 'PERMISSION') return 403;
  return {1: 500, 2: 400, 3: 404, 4: 422, 5: 409, 6: 422, 7: 503}[error.exitStatus] ?? 500;
}

/** The error that an answer carries. An answer that is not ours becomes IO: something else listens on that socket. */
export function errorFromJson(body: unknown): DekError {
  const error = (body as {error?: Record<string, unknown>} | null)?.error;
  if (!isDekErrorCode(error?.['code']) || typeof error['message'] !== 'string') {
    return new DekError('IO', 'the answer on this socket is not from a dek agent', {hint: 'check --socket'});
  }
  const text = (key: string): string | undefined => (typeof error[key] === 'string' ? error[key] : undefined);
  return new DekError<DekErrorCode>(error['code'], error['message'], {hint: text('hint'), errno: text('errno')});
}
