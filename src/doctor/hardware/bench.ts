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
}

export interface Experiment {
  readonly title: string;
  readonly numbers: readonly number[];
  run(bench: Bench): Promise<readonly Answer[]>;
}

/** One answer: `holds` decides it, undefined leaves it open. */
export function answer(number: number, holds: boolean | undefined, seen: string): Answer {
  return {number, verdict: holds === undefined ? 'open' : holds ? 'confirmed' : 'refuted', seen};
}

/** The name of the firmware's status for a command, `OK` when it did it: what it made is destroyed at once. */
export function statusOf(nic: Device, makeMailbox: () => Uint8Array): string {
  const told = sendOnce(Device.contextOf(nic), makeMailbox);
  return told === undefined ? 'no answer' : told === 'not repeated' ? 'OK' : nameOf(told.status);
}

/** The status in an error of the bindings, or its code. */
export function statusIn(error: unknown): string {
  if (!(error instanceof DekError)) throw error;
  return error.firmware?.status ?? error.errno ?? error.code;
}

function nameOf(status: number): string {
  return statusName(status) ?? `0x${status.toString(16)}`;
}
