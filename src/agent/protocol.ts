/**
 * What agent and client say to each other: HTTP on a unix socket. A wrapped key or credential is the raw body of a PUT
 * (so that `curl -T FILE` works), parameters are the query, every answer is JSON. A plaintext key never passes here:
 * the agent reads it from a descriptor of the client. Pure: names, shapes and schemas, no I/O.
 *
 *     GET    /v1/status                                              AgentStatus
 *     PUT    /v1/login?credentialId=N&importKekId=N    48 bytes      LoginStatus
 *     DELETE /v1/login                                               {}
 *     GET    /v1/deks                                                {deks: DekStatus[]}
 *     PUT    /v1/deks/NAME?import=wrapped&opaque=HEX   wrapped key   DekStatus
 *     PUT    /v1/deks/NAME?import=plaintext&fd=N       no body       DekStatus
 *            and &format=..&allowEqualKeys=..
 *            both with &dcv=HEX&keytagValue=HEX for proofs
 *     GET    /v1/deks/NAME                                           DekStatus
 *     DELETE /v1/deks?name=NAME&name=NAME              or ?all=true  {destroyed: string[]}
 *     POST   /v1/prove?name=NAME&name=NAME              or ?all=true  lines: {proofs: Proof[]}, then {done} or an error
 *            and &record=true to record missing check values
 *     POST   /v1/apply?path=PATH&dryRun=..&keepGoing=..&query=..     lines: {progress}, then {result} or an error
 *            and &prove=SHARE, &kek=SOURCE&kekFormat=.. for NICs that take plaintext
 *     GET    /v1/events                                              lines: AgentEvent, without end
 *     GET    /metrics                                                Prometheus text
 *     GET    /healthz                                                200 when all is READY, else 503
 *
 * An error is ErrorJson with a status of 400 or above.
 */
import {type DekState, type ImportMode, type KeySize, type LoginState, MAX_ID} from '../dek-layout.js';
import {DEK_NAME, DEK_NAME_RULE} from '../dek-name.js';
import {DekError, type DekErrorCode, type FirmwareAnswer, isDekErrorCode} from '../errors.js';
import type {Signer} from '../manifest/signature/verify.js';
import type {NicImportMode} from '../rdma/index.js';
import type {ProofStatus} from './proof.js';

/** The most bytes that a request body may have: the largest wrapped DEK is 80. */
export const MAX_BODY_BYTES = 128;

/** UNKNOWN: the NIC would not say, because the login is not valid or the NIC is gone. */
export type KnownDekState = DekState | 'UNKNOWN';

/** A DEK of the agent, as the NICs see it. */
export interface DekStatus {
  name: string;
  state: KnownDekState;
  keySize: KeySize;
  keytag: boolean;
  import: ImportMode;
  /** The 8 opaque bytes in hex. */
  opaque: string;
  /** The state on each NIC, when the agent has several; `state` is the worst of them. */
  devices?: Record<string, KnownDekState>;
  /** What its last proof found, or null; of several NICs the worst. A DEK that is made anew has none. */
  proof: ProofStatus | null;
  /** The same on each NIC, when the agent has several. */
  proofs?: Record<string, ProofStatus | null>;
}

/** A login of the agent, as the NIC sees it. */
export interface LoginStatus {
  state: LoginState | 'UNKNOWN';
  /** Of the credential on the NIC: 24 bits. */
  credentialId: number;
  /** Of the import KEK on the NIC: 24 bits. */
  importKekId: number;
}

/** One NIC of the agent. */
export interface NicStatus {
  name: string;
  importMode: NicImportMode;
  /** It answers nothing any more; the agent tries to open it anew. */
  gone: boolean;
  /** null when the agent is not logged in to it. */
  login: LoginStatus | null;
  /** DEKs that the NIC can hold for all processes together; 0 when it does not say. */
  maxDeks: number;
}

/**
 * DEKs that should be there, by what the NICs said of them last; and those that proofs have shown to be the right ones
 * (PROVEN), or wrong, on a NIC.
 */
export interface DekCounts {
  /** All. */
  total: number;
  /** READY. */
  ready: number;
  /** In ERROR. */
  error: number;
  /** Those that no NIC told of. */
  unknown: number;
  /** Shown to be the right ones. */
  proven: number;
  /** Shown to be wrong. */
  wrong: number;
}

/** A context with DEKs of the agent: its own of a NIC, or one that a service lends. */
export interface ContextStatus {
  /** The NIC. */
  device: string;
  kind: 'own' | 'lent';
  /** The process that lends it, or that has attached to it; null: none. */
  pid: number | null;
  /** Its user id. */
  uid: number | null;
  /** It answers nothing any more. */
  gone: boolean;
  /** null when the agent is not logged in there. */
  login: LoginStatus | null;
  deks: DekCounts;
  /** DEKs that were replaced, and that the process has not given back. */
  old: number;
}

/** A manifest that was applied. */
export interface AppliedManifest {
  path: string;
  /** SHA-256 of the file in hex. */
  digest: string;
  /** The set of DEKs that it names, in hex; null where the manifest is of version 1. */
  id: string | null;
  /** Which edition of that set it is; null likewise. */
  generation: number | null;
  /** Until when a host may take it up as something new: RFC 3339; null: always. */
  notAfter: string | null;
  /** Who has signed it, or the release that lists it; empty where nothing has to be signed. */
  signers: readonly Signer[];
  appliedAt: string;
  /** How many of its DEKs could not be made. */
  failed: number;
}

/** How an agent is. */
export interface AgentStatus {
  version: string;
  /** Its process. */
  pid: number;
  /** Whether the manifest that the agent was started with is still being applied. */
  starting: boolean;
  devices: NicStatus[];
  /** Whether it applies nothing that is not signed: dek agent --allowed-signers. */
  signedOnly: boolean;
  /** Whether it makes no DEKs of its own: dek agent --lend. */
  lends: boolean;
  /** In all contexts. */
  deks: DekCounts;
  /** Those of the agent and those that services lend. */
  contexts: ContextStatus[];
  /** The share of its DEKs, above 0 and up to 1, that the agent proves before they are used; null: it proves none. */
  proveShare: number | null;
  /** The manifest that was applied last, or null. */
  manifest: AppliedManifest | null;
  /** DEKs and logins that the agent made anew since its start. */
  heals: number;
}

/**
 * Whether the agent has started, every login that is needed is VALID, every DEK was READY when it was asked last, none
 * was shown to be wrong, and no DEK was left out.
 */
export function isReady(status: AgentStatus): boolean {
  return whyNotReady(status).length === 0;
}

/** What of that is not so, in words: `login INVALID on mlx5_0`, `1 of 3 DEKs in ERROR`. */
export function whyNotReady({starting, devices, deks, manifest}: AgentStatus): string[] {
  const {total, ready, error, wrong} = deks;
  const failed = manifest?.failed ?? 0;
  const others = total - ready - error;
  return [
    ...(starting ? ['its manifest is still being applied'] : []),
    ...devices.flatMap(({name, gone, login, importMode}) => {
      if (gone) return [`${name} is gone`];
      if (importMode === 'plaintext' || login?.state === 'VALID') return [];
      return [login ? `login ${login.state} on ${name}` : `no login on ${name}`];
    }),
    ...(error > 0 ? [`${error} of ${total} DEKs in ERROR`] : []),
    ...(others > 0 ? [`${others} of ${total} DEKs UNKNOWN`] : []),
    ...(wrong > 0 ? [`${wrong} of ${total} DEKs shown to be wrong`] : []),
    ...(failed > 0 ? [`${failed} ${failed === 1 ? 'DEK' : 'DEKs'} of the manifest could not be made`] : []),
  ];
}

/** A DEK to create: size and keytag follow from the length of its key. */
export interface CreateRequest {
  name: string;
  /** Up to 8 bytes. */
  opaque: Uint8Array;
  /** 40, 48, 72 or 80 bytes. Either this or `plaintext`. */
  wrapped?: Uint8Array | undefined;
  /**
   * Where the agent reads a plaintext key (32, 40, 64 or 72 bytes): a descriptor of the process that asks. A secret
   * does not travel by HTTP, whose buffers nobody wipes.
   */
  plaintext?: {fd: number; format?: KeyFormat | undefined; allowEqualKeys?: boolean | undefined} | undefined;
  /** The check value of the DEK, 16 bytes: what a proof compares with. */
  dcv?: Uint8Array | undefined;
  /** The keytag, 8 bytes: without it nothing can use the DEK, a proof neither. */
  keytagValue?: Uint8Array | undefined;
}

/** How a key stands in its source; where there is none, its content tells. */
export type KeyFormat = 'raw' | 'hex' | 'base64';

/** What is being done to the DEKs of an apply: they are created, and then proven if that was asked for. */
export type ApplyStep = 'create' | 'prove';

/** How far an apply is: DEKs done, of how many, in which step. */
export type ApplyProgress = (done: number, total: number, step: ApplyStep) => void;

/** What a client says of an apply. */
export interface ApplyRequest {
  /** An absolute path; undefined: the manifest of the last apply. */
  path: string | undefined;
  /** A lasting source of the import KEK, such as `file:PATH`; undefined: as at the last apply of this path. */
  kek: string | undefined;
  kekFormat?: KeyFormat | undefined;
  /** Only tell the plan. */
  dryRun: boolean;
  /** Keep what worked, list what did not. */
  keepGoing: boolean;
  /**
   * Ask the NIC for each DEK right after its create, and take one that is not READY for refused; false when left out.
   */
  query?: boolean | undefined;
  /**
   * The share of the DEKs, above 0 and up to 1, to prove before the apply is done; what the agent was started with when
   * left out, and never less.
   */
  prove?: number | undefined;
  /** Names that may become other keys than they were; none when left out. */
  replaceKeys?: readonly string[] | undefined;
}

/** What an apply would do, or did: numbers of DEKs. */
export interface ApplyPlan {
  /** DEKs that are new. */
  create: number;
  /** DEKs whose key is another, or may be. */
  replace: number;
  /** DEKs that another KEK has wrapped and that are the same keys, as their check values (DCV) say: they stay. */
  rewrapped: number;
  /** DEKs that the manifest has no more. */
  destroy: number;
  /** DEKs that stay as they are. */
  unchanged: number;
}

/** A DEK of a manifest that could not be made. */
export interface ApplyFailure {
  /** Of the manifest, whose header is line 1. */
  line: number;
  name: string;
  device: string;
  code: string;
  message: string;
  errno?: string;
}

/** What an apply did. */
export interface ApplyResult {
  path: string;
  /** SHA-256 of the manifest in hex. */
  digest: string;
  plan: ApplyPlan;
  /** Of those that are replaced: how many may be the same keys, since a check value (DCV) is missing. */
  untold: number;
  /** Empty unless the apply was to keep going. */
  failed: ApplyFailure[];
  /** How many DEKs were proven, on each NIC. */
  proven: number;
}

/** Which DEKs to destroy: all, or those named. */
export type DestroyRequest = {all: true} | {names: readonly string[]};

/** Which DEKs to prove: all, or those named. */
export type ProveRequest = DestroyRequest & {
  /**
   * Whether a DEK of the manifest that has no check value gets the one that the NIC comes to, for later proofs to agree
   * with; false when left out.
   */
  record?: boolean | undefined;
};

const id = {type: 'integer', minimum: 0, maximum: MAX_ID} as const;
const ids = {credentialId: id, importKekId: id} as const;
const flag = {type: 'boolean', default: false} as const;
const name = {type: 'string', pattern: DEK_NAME, description: DEK_NAME_RULE} as const;
const format = {enum: ['raw', 'hex', 'base64']} as const;
const exactly = {type: 'object', additionalProperties: false} as const;

const nothing = {querystring: exactly} as const;
const oneDek = {params: {...exactly, properties: {name}}} as const;
const someDeks = {
  querystring: {
    ...exactly,
    properties: {all: {const: 'true'}, name: {type: 'array', items: name, minItems: 1}},
    oneOf: [{required: ['all']}, {required: ['name']}],
  },
} as const;

const provenDeks = {
  querystring: {...someDeks.querystring, properties: {...someDeks.querystring.properties, record: flag}},
} as const;

/** A request that the agent answers: as the server takes it, and the client sends it. */
interface Route {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** `:name` stands for the name of a DEK. */
  path: `/${string}`;
  /** JSON Schemas of the parameters. */
  schema: {params?: object; querystring: object};
}

/** All of them; a route that upgrades its connection would be one more. */
export const ROUTES = {
  status: {method: 'GET', path: '/v1/status', schema: nothing},
  login: {
    method: 'PUT',
    path: '/v1/login',
    schema: {querystring: {...exactly, required: ['credentialId', 'importKekId'], properties: ids}},
  },
  logout: {method: 'DELETE', path: '/v1/login', schema: nothing},
  list: {method: 'GET', path: '/v1/deks', schema: nothing},
  create: {
    method: 'PUT',
    path: '/v1/deks/:name',
    schema: {
      ...oneDek,
      querystring: {
        ...exactly,
        required: ['import'],
        properties: {
          import: {enum: ['wrapped', 'plaintext']},
          opaque: {
            type: 'string',
            pattern: '^(0x)?([0-9A-Fa-f]{2}){0,8}$',
            default: '',
            description: 'up to 8 bytes in hex',
          },
          fd: {type: 'integer', minimum: 0, maximum: 0x7fffffff},
          format,
          allowEqualKeys: flag,
          dcv: {type: 'string', pattern: '^[0-9a-f]{32}$'},
          keytagValue: {type: 'string', pattern: '^[0-9a-f]{16}$'},
        },
      },
    },
  },
  query: {method: 'GET', path: '/v1/deks/:name', schema: {...oneDek, ...nothing}},
  destroy: {method: 'DELETE', path: '/v1/deks', schema: someDeks},
  prove: {method: 'POST', path: '/v1/prove', schema: provenDeks},
  apply: {
    method: 'POST',
    path: '/v1/apply',
    schema: {
      querystring: {
        ...exactly,
        properties: {
          path: {type: 'string', pattern: '^/', maxLength: 4096, description: 'an absolute path'},
          kek: {
            type: 'string',
            pattern: '^(file:/|(?!file:|fd:)[a-z0-9]+:)',
            maxLength: 4096,
            description: 'file: and an absolute path, or another source that can be asked again, such as cred:NAME',
          },
          kekFormat: format,
          dryRun: flag,
          keepGoing: flag,
          query: flag,
          prove: {type: 'number', exclusiveMinimum: 0, maximum: 1},
          replaceKey: {type: 'array', items: name, default: []},
        },
      },
    },
  },
  events: {method: 'GET', path: '/v1/events', schema: nothing},
  metrics: {method: 'GET', path: '/metrics', schema: nothing},
  healthz: {method: 'GET', path: '/healthz', schema: nothing},
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;

/** A share of DEKs to prove. Throws BAD_ARGUMENT unless it is a number above 0 and up to 1. */
export function assertShare(share: unknown): number {
  if (typeof share === 'number' && share > 0 && share <= 1) return share;
  throw new DekError('BAD_ARGUMENT', '"prove" expected a share above 0 and up to 1');
}

/** HTTP status of an error code, for curl's sake: dek's own client reads the code. */
export function httpStatus(error: DekError): number {
  if (error.code === 'PERMISSION') return 403;
  return {1: 500, 2: 400, 3: 404, 4: 422, 5: 409, 6: 422, 7: 503, 8: 422}[error.exitStatus] ?? 500;
}

/** The error that an answer carries. An answer that is not ours becomes IO: something else listens on that socket. */
export function errorFromJson(body: unknown): DekError {
  const error = (body as {error?: Record<string, unknown>} | null)?.error;
  if (!isDekErrorCode(error?.['code']) || typeof error['message'] !== 'string') {
    return new DekError('IO', 'the answer on this socket is not from a dek agent', {hint: 'check --socket'});
  }
  const text = (key: string): string | undefined => (typeof error[key] === 'string' ? error[key] : undefined);
  return new DekError<DekErrorCode>(error['code'], error['message'], {
    hint: text('hint'),
    errno: text('errno'),
    firmware: firmwareFromJson(error['firmware']),
  });
}

function firmwareFromJson(given: unknown): FirmwareAnswer | undefined {
  const {status, syndrome} = (given ?? {}) as Record<string, unknown>;
  return typeof status === 'string' && typeof syndrome === 'string' ? {status, syndrome} : undefined;
}
