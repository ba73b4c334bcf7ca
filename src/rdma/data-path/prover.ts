/**
 * What a NIC makes of known data: data units of zeros pass the engine with a DEK, from memory to the wire and, looped
 * inside the NIC, into memory; and back. It compares nothing: a round trip alone proves nothing. What callers pass is
 * checked and copied here; rounds.ts does the work.
 */
import {assertInteger, secretCopy, viewBytes} from '../../bytes.js';
import {KEYTAG_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {assertObject, copyList, wrongReceiver} from '../checks.js';
import type {Context, ProverParts} from '../context.js';
import {Dek} from '../dek/dek.js';
import type {Steps} from '../steps.js';
import {type Job, type Outcome, Rounds} from './rounds.js';

/** Bytes of a data unit. */
const UNIT_BYTES = 512;
const TWEAK_BYTES = 16;

/** What is to pass. */
export interface Passage {
  readonly dek: Dek;
  /** 8 bytes, of a DEK that has one. */
  readonly keytag?: Uint8Array | undefined;
  /** 16 bytes, of the first data unit, as IEEE 1619 writes it: little-endian. */
  readonly tweak: Uint8Array;
  /** How many data units, 1 or 2: a NIC with the single-block engine alone takes one. */
  readonly units: number;
}

/** What lets known data pass the DEKs of a device: `device.openProver()` makes it. */
export class Prover {
  readonly #context: Context;
  readonly #rounds: Rounds;
  #running: Promise<unknown> | undefined;
  #open = true;

  /** @internal `device.openProver()` makes provers. */
  constructor(context: Context, rounds: Rounds) {
    this.#context = context;
    this.#rounds = rounds;
  }

  /** @internal For `device.openProver()`. Throws what the NIC's refusal means; nothing is left then. */
  static async open(context: Context): Promise<Prover> {
    await context.allocPd();
    return context.off(Prover.#opening(context));
  }

  static *#opening(context: Context): Steps<Prover> {
    const prover = new Prover(context, yield* Rounds.create(context));
    context.provers.add(prover);
    context.changed?.();
    return prover;
  }

  /** @internal What it has on the NIC. */
  get parts(): ProverParts {
    return Prover.#check(this).#rounds.parts;
  }

  /** Whether it was closed, or its device was. */
  get closed(): boolean {
    return !Prover.#check(this).#open;
  }

  /** Whether passages are under way. */
  get busy(): boolean {
    return Prover.#check(this).#running !== undefined;
  }

  /**
   * Waits until no passages are under way.
   * @throws nothing
   */
  async idle(): Promise<void> {
    await Prover.#check(this).#running?.catch(() => {});
  }

  /**
   * Lets data units of zeros pass, 32 passages at a time; the event loop turns meanwhile. While a DEK is in use its
   * `destroy` is BUSY.
   * @param passages - a DEK each, its keytag of 8 bytes if it has one, a tweak of 16 bytes, 1 or 2 data units of 512
   *   bytes
   * @returns an outcome for each, in order
   * @throws DekError, and sends nothing: BAD_ARGUMENT, CLOSED, and BUSY while others are under way
   */
  async pass(passages: readonly Passage[]): Promise<Outcome[]> {
    const self = Prover.#check(this);
    const jobs = copyList(passages, 'passages').map((passage, i) => self.#jobOf(passage, `passages[${i}]`));
    if (!self.#open) throw new DekError('CLOSED', 'this prover is closed');
    self.#context.ptr;
    if (self.#running !== undefined) {
      throw new DekError('BUSY', 'this prover is at work', {hint: 'one list at a time: wait for the last'});
    }
    const running = self.#rounds.passAll(jobs);
    self.#running = running;
    try {
      await running;
    } finally {
      self.#running = undefined;
    }
    return jobs.map(({outcome}) => outcome!);
  }

  /**
   * Takes all that it has off the NIC, on this thread, and does nothing when closed already.
   * @throws DekError: BUSY while passages are under way
   */
  close(): void {
    const self = Prover.#check(this);
    self.#context.here(self.closing());
  }

  /**
   * `close`, off this thread.
   * @throws DekError: BUSY while passages are under way
   */
  async closeAsync(): Promise<void> {
    const self = Prover.#check(this);
    await self.#context.off(self.closing());
  }

  /** @internal `close`, to be run here or off this thread. */
  *closing(): Steps<void> {
    const self = Prover.#check(this);
    if (self.#running !== undefined) throw new DekError('BUSY', 'this prover is at work', {hint: 'wait for it'});
    if (!self.#open) return;
    self.#open = false;
    self.#context.provers.delete(self);
    self.#context.changed?.(); // before their handles may mean something else
    yield* self.#rounds.close();
  }

  /**
   * `close`.
   * @throws DekError: BUSY while passages are under way
   */
  [Symbol.dispose](): void {
    Prover.#check(this).close();
  }

  #jobOf(passage: unknown, title: string): Job {
    assertObject(passage, title);
    const {dek, keytag, tweak, units} = passage as Passage;
    const most = this.#context.caps.engines.includes('AES_XTS_MULTI_BLOCK') ? 2 : 1;
    assertInteger(units, 1, most, `${title}.units`);
    const tag = keytag === undefined ? new Uint8Array(KEYTAG_BYTES) : viewBytes(keytag, [KEYTAG_BYTES], 'keytag');
    return {
      dek: Dek.owned(this.#context, dek, `${title}.dek`),
      keytag: secretCopy(tag),
      tweak: secretCopy(viewBytes(tweak, [TWEAK_BYTES], 'tweak')),
      bytes: units * UNIT_BYTES,
      outcome: undefined,
    };
  }

  static #check(value: unknown): Prover {
    if (typeof value === 'object' && value !== null && #open in value) return value;
    throw wrongReceiver('Prover');
  }
}
