/** What experiments work with: the NIC, and what a manifest and a KEK give them. All that they make goes with it. */
import {DekError} from '../../errors.js';
import type {ManifestEntry, ManifestHeader} from '../../manifest/index.js';
import {Device} from '../../rdma/device.js';
import {sendOnce} from '../../rdma/refusal/ask-again.js';
import {statusName} from '../../rdma/refusal/status.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

/** The verdict on an assumption; `open`: it could not be asked, or the answer decides nothing. */
export interface Answer {
  readonly number: number;
  readonly verdict: 'confirmed' | 'refuted' | 'open';
  /** What was seen: never a key. */
  readonly seen: string;
}

/** What was tried besides, which no assumption stands for. */
export interface Trial {
  readonly what: string;
  readonly result: 'done' | 'failed' | 'not run';
  /** What was seen, or why it was not run: never a key. */
  readonly seen: string;
}

/** Of a manifest: a login and DEKs. */
export interface Material {
  readonly header: ManifestHeader;
  readonly deks: readonly ManifestEntry[];
}

export interface Bench {
  readonly nic: Device;
  /** Null: no manifest was given. */
  readonly material: Material | null;
  /** Null: no KEK was given. */
  readonly kek: KekHandle | null;
  /** How many DEKs are made at most, to see where the NIC's limit is. */
  readonly mostDeks: number;
  /** Whether a service in C is compiled and run. */
  readonly runsService: boolean;
}

/** What came of an experiment. */
export interface Outcome {
  readonly answers?: readonly Answer[];
  readonly trials?: readonly Trial[];
}

export interface Experiment {
  readonly title: string;
  /** The assumptions that it decides. */
  readonly numbers: readonly number[];
  run(bench: Bench): Promise<Outcome>;
}

export const NO_LOGIN = 'not asked: no manifest with a login was given';

/** One answer: `holds` decides it, undefined leaves it open. */
export function answer(number: number, holds: boolean | undefined, seen: string): Answer {
  return {number, verdict: holds === undefined ? 'open' : holds ? 'confirmed' : 'refuted', seen};
}

/** One trial: `went` is undefined where it was not run. */
export function trial(what: string, went: boolean | undefined, seen: string): Trial {
  return {what, result: went === undefined ? 'not run' : went ? 'done' : 'failed', seen};
}

/** Logs in where the NIC takes wrapped keys; where it takes plaintext ones nothing is needed. Text: why it cannot. */
export function logIn({nic, material}: Bench): Disposable | string {
  if (nic.readCaps().importMode === 'plaintext') return {[Symbol.dispose]: () => {}};
  const login = material?.header.login;
  return login ? nic.login(login) : NO_LOGIN;
}

/** The name of the firmware's status for a command, `OK` when it did it: what it made is destroyed at once. */
export function statusOf(nic: Device, makeMailbox: () => Uint8Array): string {
  const context = Device.contextOf(nic);
  const told = context.here(sendOnce(context, makeMailbox));
  return told === undefined ? 'no answer' : told === 'not repeated' ? 'OK' : nameOf(told.status);
}

/** The status in an error of the bindings, or its code. */
export function statusIn(error: unknown): string {
  if (!(error instanceof DekError)) throw error;
  return error.firmware?.status ?? error.errno ?? error.code;
}

/** The name of a status, or its number. */
export function nameOf(status: number): string {
  return statusName(status) ?? `0x${status.toString(16)}`;
}
