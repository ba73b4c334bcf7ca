/**
 * Proves DEKs of one NIC: asks it for what the DCV is made of, and where that is another, asks in other ways which tell
 * what is wrong: the tweak given the other way round, each data unit alone. Left out: what to do about it.
 */
import {equalBytes, toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {type Dek, type Device, type Prover, releaseWithOldTweak} from '../../rdma/index.js';
import {arrangementOf} from '../../wrap/dcv/dcv.js';
import {type Finding, notProvable, type Reason} from '../proof.js';
import {type Answer, ask} from './ask.js';

/** A DEK to be proven. */
export interface Provable {
  /** Null when it is missing. */
  readonly dek: Dek | null;
  /** 16 bytes, or null when there is none. */
  readonly dcv: Uint8Array | null;
  /** 6 bytes. */
  readonly dcvHints?: Uint8Array | null;
  /** 8 bytes, of a DEK that has one. */
  readonly keytagValue?: Uint8Array | null;
  /** Whether the check value came from a NIC, or is to come from this one if there is none: not from the key. */
  readonly isRecorded?: boolean;
}

/** One that can be asked for. */
interface Subject {
  readonly dek: Dek;
  /** Null: to be recorded. */
  readonly dcv: Uint8Array | null;
  readonly isRecorded: boolean;
  readonly dcvHints: Uint8Array | null;
  readonly keytag: Uint8Array | undefined;
}

export class Proving {
  readonly #device: Device;
  #prover: Prover | Finding;

  private constructor(device: Device, prover: Prover | Finding) {
    this.#device = device;
    this.#prover = prover;
  }

  /** On a NIC that proves nothing each DEK is found so. */
  static async open(device: Device): Promise<Proving> {
    try {
      return new Proving(device, await device.openProver());
    } catch (error) {
      const finding = findingOf(error);
      return new Proving(device, finding.reason === 'no-umr' && (await isEngineOff(device)) ? ENGINE_OFF : finding);
    }
  }

  /** A finding for each, in order. Does not throw what the NIC says. */
  async prove(deks: readonly Provable[]): Promise<Finding[]> {
    const subjects = deks.map(subjectOf);
    const findings = new Map<Subject, Finding>();
    const there = subjects.filter((subject): subject is Subject => 'dek' in subject);
    if ('verdict' in this.#prover) for (const subject of there) findings.set(subject, this.#prover);
    else {
      await this.#proveAll(this.#prover, there, findings);
      await this.#giveUp(this.#prover, [...findings.values()]);
    }
    return subjects.map((subject) => ('dek' in subject ? findings.get(subject)! : subject));
  }

  async close(): Promise<void> {
    if (!('verdict' in this.#prover)) await this.#prover.closeAsync();
  }

  /** What keeps all of so many DEKs from being proven will keep the others: each may wait for it anew. */
  async #giveUp(prover: Prover, findings: readonly Finding[]): Promise<void> {
    const [first] = findings;
    if (first?.reason === undefined || !ENDS.has(first.reason)) return;
    if (findings.some(({reason}) => reason !== first.reason)) return;
    await prover.closeAsync();
    this.#prover = first;
  }

  async #proveAll(prover: Prover, subjects: readonly Subject[], findings: Map<Subject, Finding>): Promise<void> {
    const together = this.#hasMultiBlock;
    const others: Subject[] = [];
    const values: Uint8Array[] = [];
    try {
      for (const [i, answer] of (await ask(prover, subjects, {together, reversed: false})).entries()) {
        const subject = subjects[i]!;
        if (!('value' in answer)) findings.set(subject, await this.#refused(subject, answer));
        else if (!answer.isEncrypted) findings.set(subject, {verdict: 'not-encrypted'});
        else if (!answer.isWhole) findings.set(subject, {verdict: 'not-decrypted'});
        else if (subject.dcv === null || !equalBytes(answer.value, subject.dcv)) {
          others.push(subject);
          values.push(answer.value);
        } else findings.set(subject, subject.isRecorded ? recorded(answer.value) : {verdict: 'ok'});
      }
      if (others.length === 0) return;
      const turned = await ask(prover, others, {together, reversed: true});
      const alone = together ? await ask(prover, others, {together: false, reversed: false}) : [];
      for (const [i, subject] of others.entries()) {
        const {dcv} = subject;
        const finding =
          dcv === null
            ? firstOf(values[i]!, alone[i])
            : this.#wrong({...subject, dcv}, values[i]!, turned[i], alone[i]);
        findings.set(subject, finding);
      }
    } catch (error) {
      const finding = findingOf(error);
      for (const subject of subjects) if (!findings.has(subject)) findings.set(subject, finding);
    }
  }

  #wrong(
    {dcv, dcvHints, isRecorded}: Subject & {dcv: Uint8Array},
    value: Uint8Array,
    turned?: Answer,
    alone?: Answer,
  ): Finding {
    const isRight = (answer?: Answer): boolean =>
      answer !== undefined && 'value' in answer && equalBytes(answer.value, dcv);
    if (isRight(turned)) {
      const release = releaseWithOldTweak();
      if (release === undefined) return {verdict: 'tweak-reversed'};
      const message = `libmlx5 of rdma-core ${release} hands it over as it is to a NIC with the multi-block engine`;
      return {verdict: 'tweak-reversed', message};
    }
    if (isRight(alone)) return {verdict: 'tweak-increment'};
    if (isRecorded) return {verdict: 'wrong-key', message: OTHER_VALUE};
    if (dcvHints === null) return {verdict: 'wrong-key'};
    const arrangement = arrangementOf(value, dcvHints);
    if (arrangement) return {verdict: arrangement};
    const beside = turned && 'value' in turned ? arrangementOf(turned.value, dcvHints) : undefined;
    return beside ? {verdict: beside, message: 'and the tweak is in the other byte order'} : {verdict: 'wrong-key'};
  }

  /** What the refusal of a work request means, which the NIC does not say. */
  async #refused({dek, keytag}: Subject, answer: DekError | {readonly status: number}): Promise<Finding> {
    if (answer instanceof DekError) return findingOf(answer);
    const message = `it completed with status ${answer.status}`;
    if (await isEngineOff(this.#device)) return ENGINE_OFF;
    try {
      if ((await dek.queryAsync()).state === 'ERROR') return notProvable('dek-error');
    } catch (error) {
      return findingOf(error);
    }
    return keytag === undefined ? notProvable('refused', message) : {verdict: 'keytag-refused'};
  }

  get #hasMultiBlock(): boolean {
    return this.#device.caps.engines.includes('AES_XTS_MULTI_BLOCK');
  }
}

/** Reasons that no single DEK has to do with. */
const ENDS: ReadonlySet<Reason> = new Set(['no-loopback', 'no-gid', 'port-down', 'no-answer', 'device-gone']);
const ENGINE_OFF = notProvable('engine-off');

const OTHER_VALUE = 'the NIC gives another check value than the one that was recorded';

function recorded(value: Uint8Array): Finding {
  return {verdict: 'recorded', dcv: toHex(value)};
}

/** Of a first value only this tells: the NIC comes to another one when it does not count the tweak itself. */
function firstOf(value: Uint8Array, alone?: Answer): Finding {
  if (alone !== undefined && 'value' in alone && !equalBytes(alone.value, value)) return {verdict: 'tweak-increment'};
  return recorded(value);
}

/** Whether the NIC says nothing any more of what its crypto can do. */
async function isEngineOff(device: Device): Promise<boolean> {
  try {
    return (await device.readCapsAsync()).importMode === 'unknown';
  } catch {
    return false; // asked only to explain a refusal
  }
}

/** What can be asked for, or why not. */
function subjectOf({dek, dcv, dcvHints = null, keytagValue, isRecorded = false}: Provable): Subject | Finding {
  if (dek === null || dek.closed) return notProvable('missing');
  if (dcv === null && !isRecorded) return notProvable('no-dcv');
  const subject = {dek, dcv, dcvHints, isRecorded};
  if (!dek.keytag) return {...subject, keytag: undefined};
  return keytagValue ? {...subject, keytag: keytagValue} : notProvable('no-keytag-value');
}

/** What an error says of a proof. */
function findingOf(error: unknown): Finding {
  if (!(error instanceof DekError)) throw error;
  return notProvable(reasonOf(error), error.message);
}

/** Where no command was refused it is the way to itself that the NIC has not (queues.ts). */
const NO_WAY: Readonly<Record<string, Reason>> = {ENETDOWN: 'port-down', EADDRNOTAVAIL: 'no-gid'};

function reasonOf({code, errno}: DekError): Reason {
  if (code === 'CLOSED') return 'missing';
  if (code === 'DEVICE_GONE') return 'device-gone';
  if (code === 'LIMIT') return 'no-memory';
  if (code === 'IO') return 'no-answer';
  if (code === 'UNSUPPORTED') return errno === undefined ? 'no-loopback' : (NO_WAY[errno] ?? 'no-umr');
  return 'refused';
}
