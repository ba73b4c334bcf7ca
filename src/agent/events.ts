/**
 * What happens in the agent, told once to all who listen: the log (JSON lines on stderr), the stream of GET /v1/events,
 * the counters of GET /metrics. Fields are facts, never key material.
 */
import type {AuditEntry, AuditedDek, AuditKind} from '../audit/entry.js';
import type {ImportMode, KeySize} from '../dek-layout.js';
import {jsonText} from '../printable.js';
import type {NicImportMode} from '../rdma/index.js';
import type {Verdict} from './proof.js';
import type {AgentStatus, ApplyPlan} from './protocol.js';

/** `debug` is for the counters alone: neither logged nor streamed. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error';

/** On which NIC. */
export interface EventOnDevice {
  /** `mlx5_0` */
  device: string;
}

/** What failed. */
export interface EventFailure {
  /** What went wrong, in words. */
  error: string;
}

/** A process at the other end of the agent's socket. */
export interface EventPeer {
  /** Its id. */
  pid: number;
  /** Of its user. */
  uid: number;
}

/** Some DEKs: how many, and the first of their names. */
export interface EventDeks {
  /** How many. */
  deks: number;
  names: readonly string[];
}

/** What each event tells, by its name; dek-agent(8) lists them. */
export interface AgentEvents {
  /** The first of a stream: how the agent is then. */
  status: AgentStatus;
  ready: {devices: string; socket: string};
  closed: {devices: string; socket: string};
  create: {name: string; keySize: KeySize; keytag: boolean; import: ImportMode};
  destroy: {name: string} | {deks: number};
  login: EventOnDevice & {credentialId: number; importKekId: number};
  'login-failed': EventOnDevice & EventFailure;
  logout: EventOnDevice;
  'logout-failed': EventOnDevice & EventFailure;
  apply: ApplyPlan & {path: string; digest: string; failed: number; ms: number};
  /** Replaced DEKs of which nobody can tell whether they are other keys: a check value (DCV) is missing. */
  'apply-untold': {path: string; deks: number};
  'apply-failed': EventFailure & {path: string};
  /** A manifest was not taken up: `reason` is the code of the error, such as UNSIGNED. */
  'manifest-refused': EventFailure & {path: string; reason: string};
  'reload-failed': EventFailure;
  'manifest-unreadable': EventFailure;
  /** Proofs that were made together: of so many DEKs, how many came to which kind of verdict, and to which. */
  prove: EventOnDevice & {
    deks: number;
    ok: number;
    recorded: number;
    wrong: number;
    notProvable: number;
    verdicts: Readonly<Partial<Record<Verdict, number>>>;
  };
  /** Of these proofs those that came to one verdict that says that a DEK, or the NIC, is wrong. */
  'proof-failed': EventOnDevice & EventDeks & {verdict: Verdict};
  heal: EventOnDevice & ({login: true} | EventDeks);
  'heal-failed': EventOnDevice & EventDeks & EventFailure;
  'check-failed': EventOnDevice & EventFailure;
  'destroy-failed': EventOnDevice & {deks: number};
  'close-failed': EventOnDevice & EventFailure;
  'device-gone': EventOnDevice;
  'device-back': EventOnDevice & {missingDeks: number};
  'device-changed': EventOnDevice & {importMode: NicImportMode; operational: boolean; missingDeks: number};
  /** A batch of creates: DEKs made, the errno (or code) of each refusal, and how long all of it took. */
  made: EventOnDevice & {deks: number; refused: readonly string[]; seconds: number};
  'socket-bound': {socket: string};
  'socket-lost': EventFailure & {socket: string};
  'peer-refused': {pid: number | undefined; uid: number | undefined};
  /** A service lends a context: DEKs that are there now, and how many of them an agent before this had made. */
  lend: EventOnDevice & EventPeer & {deks: number; takenOver: number; ms: number};
  /** A service shares the agent's context. */
  attach: EventOnDevice & EventPeer & {deks: number; ms: number};
  /** It has ended: how many objects it left, which the agent destroyed. */
  detach: EventOnDevice & EventPeer & {left: number};
  'lend-ended': EventOnDevice & EventPeer;
  'lend-refused': EventPeer & EventFailure;
  'attach-refused': EventPeer & EventFailure;
  /** What was left cannot be destroyed: the agent opens another context. */
  'context-abandoned': EventOnDevice & EventFailure;
  /** A context that an agent before this one has opened is taken up: DEKs that were there, and how many were not. */
  'take-up': EventOnDevice & {deks: number; left: number};
  'take-up-failed': EventOnDevice & EventFailure;
  /** The service manager does not keep the contexts. */
  'store-failed': EventOnDevice & EventFailure;
  /** Old DEKs were destroyed because a service did not give them back in time. */
  'old-expired': EventOnDevice & {deks: number};
  /** A generation of the fleet, or a file that was replaced, is held from now on: what of it was fetched. */
  'generation-taken': {path: string; generation: number | null; fetchedBytes: number; ms: number};
  /** It is not taken up; what was held stays. */
  'generation-refused': EventFailure & {generation: number | null};
  /** The agent has started with the last good copy, for this reason. */
  'last-good': EventFailure & {generation: number};
  'fleet-lost': EventFailure;
  'fleet-back': {host: string};
  /** The journal does not take what the audit is to know. */
  'audit-failed': EventFailure;
  internal: EventFailure;
  'end-hangs': {seconds: number};
}

/** The names of the events. */
export type EventName = keyof AgentEvents;

/** Any of them, with the time (ISO 8601, UTC), as it is logged and streamed. */
export type AgentEvent = {
  [Name in EventName]: {time: string; level: EventLevel; event: Name} & AgentEvents[Name];
}[EventName];

/** What the audit is told: of DEKs, by what came of it. */
export interface Audited {
  readonly kind: AuditKind;
  /** The NIC; undefined: all. */
  readonly device?: string | undefined;
  /** Of whoever asked. */
  readonly by?: AbortSignal | undefined;
  /** The manifest that they are from; the one that was applied when left out. */
  readonly manifest?: Pick<AuditEntry, 'manifest' | 'generation' | 'digest'> | undefined;
  /** No DEK: nothing is told. */
  readonly results: ReadonlyMap<string, readonly AuditedDek[]>;
}

type Hear = (event: AgentEvent) => void;

const LEVELS: readonly EventLevel[] = ['debug', 'info', 'warn', 'error'];

export class Events {
  readonly #listeners = new Set<Hear>();
  #auditor: ((audited: () => Audited) => void) | undefined;

  emit<Name extends EventName>(level: EventLevel, event: Name, fields: AgentEvents[Name]): void {
    const told = eventOf(level, event, fields);
    for (const hear of this.#listeners) hear(told);
  }

  /** Tells what was told elsewhere: of a context that process `pid` lends. */
  relay(event: AgentEvent, pid: number): void {
    const told = {...event, pid};
    for (const hear of this.#listeners) hear(told);
  }

  /** From now on `hear` is given what the audit is to know, which is made when it is called. */
  onAudit(hear: (audited: () => Audited) => void): void {
    this.#auditor = hear;
  }

  /** Tells the audit, if there is one; else `audited` is not called. */
  audit(audited: () => Audited): void {
    this.#auditor?.(audited);
  }

  /** Calls `hear` for each event of at least this level from now on; returns the way to stop it. */
  listen(hear: Hear, least: EventLevel = 'debug'): () => void {
    const filtered: Hear = (event) => {
      if (LEVELS.indexOf(event.level) >= LEVELS.indexOf(least)) hear(event);
    };
    this.#listeners.add(filtered);
    return () => this.#listeners.delete(filtered);
  }
}

/** An event of now. */
export function eventOf<Name extends EventName>(level: EventLevel, event: Name, fields: AgentEvents[Name]): AgentEvent {
  return {time: new Date().toISOString(), level, event, ...fields} as AgentEvent;
}

/** Writes events of at least this level to stderr. */
export function logTo(events: Events, least: EventLevel): void {
  events.listen((event) => process.stderr.write(`${jsonText(event)}\n`), least);
}
