/**
 * Making DEKs: mlx5dv_dek_create(3), one on this thread, or many through the command queue of their context. Keys go to
 * C inside structures outside V8's heap, which are wiped afterwards. What cannot be wiped from here, the copy that
 * libmlx5 makes on its stack, is overwritten by a query behind the create of a plaintext key.
 */

import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {wipe} from '../../bytes.js';
import type {DekState} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from '../c-layout.js';
import type {Commands} from '../command-queue.js';
import type {Context} from '../context.js';
import type {DekPtr} from '../ffi.js';
import {assertFit, isMisfit} from '../refusal/fitness.js';
import {dekMailbox} from '../refusal/mailbox.js';
import {type Refusal, refusals} from '../refusal/refusals.js';
import type {Steps} from '../steps.js';
import {DekAttr, InitAttr} from '../structs.js';
import {Dek, Kind} from './dek.js';
import {asDekError, MEMORY_MS, settle} from './for-each-dek.js';
import {type CreateDekOptions, isWrapped, Keys} from './keys.js';

const LOGIN_BIT = BigInt(C.MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN);

/** For all calls on this thread, since none overlaps another. */
const own = new InitAttr();
const ownKeys = Keys.ofAny(1);

/** Creates a DEK in `context`, under its login if the key is wrapped. */
export function createDek(context: Context, options: CreateDekOptions): Dek {
  try {
    ownKeys.take(0, options);
    const kind = ownKeys.kinds[0]!;
    const {lib, ptr} = context;
    context.here(assertFit(context, isWrapped(kind) ? 'wrapped' : 'plaintext'));
    prepare(context, ownKeys, 0, own);
    const pointer = lib.mlx5dv_dek_create(ptr, own.bytes);
    if (pointer === null) {
      throw context.here(refusals(context)('create', lib.errno(), isWrapped(kind), mailboxOf(context, own)));
    }
    const dek = new Dek(context, pointer, kind);
    // Overwrites the copy of a plaintext key that libmlx5 leaves on the stack.
    if (!isWrapped(kind)) Dek.firstState(dek, refusals(context));
    return dek;
  } finally {
    ownKeys.wipe();
    wipe(own.bytes);
  }
}

/** What has become of many DEKs, in the order in which they were asked for. */
export interface CreatedDeks {
  /** Each, or why there is none. */
  deks: (Dek | DekError)[];
  /**
   * With `query`: what the NIC said of each right after its create, or why it did not tell; undefined where there is
   * none. Those that are not READY are the caller's to destroy.
   */
  states?: (DekState | DekError | undefined)[];
}

/** DEKs that are made on this thread before the event loop turns. */
const PLAINTEXT_A_TURN = 16;

/** Creates many; wipes `keys`. Rejects when none can be sent. From then on there is a DEK or an error for each. */
export async function createDeks(context: Context, keys: Keys, isQueried: boolean): Promise<CreatedDeks> {
  let creation: Creation | undefined;
  try {
    context.ptr;
    for (const kind of new Set(keys.kinds)) {
      const need = isWrapped(kind) ? 'wrapped' : 'plaintext';
      if (isMisfit(context, need)) await context.off(assertFit(context, need));
      loginNamedBy(context, kind);
    }
    if (keys.count > 0) await context.allocPd();
    creation = new Creation(context, keys, isQueried);
    if (keys.kinds.every(isWrapped)) await context.queue.run(creation);
    else await creation.runHere();
    const {deks, states} = creation;
    return isQueried ? {deks: deks as (Dek | DekError)[], states} : {deks: deks as (Dek | DekError)[]};
  } finally {
    keys.wipe();
    creation?.wipe();
  }
}

/** The structures of a command that is under way on the pool. */
class Structs {
  readonly init = new InitAttr();
  readonly dek = new DekAttr();
}

/** Commands that create DEKs, each followed by a query if that is wanted. */
class Creation implements Commands {
  readonly count: number;
  readonly steps: number;
  readonly deks: (Dek | DekError | undefined)[];
  readonly states: (DekState | DekError | undefined)[];
  readonly #context: Context;
  readonly #keys: Keys;
  readonly #isQueried: boolean;
  readonly #refusal: Refusal;
  readonly #structs: Structs[] = [];
  /** Those that no command needs now. */
  readonly #idle: Structs[] = [];

  constructor(context: Context, keys: Keys, isQueried: boolean) {
    this.count = keys.count;
    this.steps = isQueried ? 2 : 1;
    this.deks = new Array<Dek | DekError | undefined>(keys.count).fill(undefined);
    this.states = new Array<DekState | DekError | undefined>(isQueried ? keys.count : 0).fill(undefined);
    this.#context = context;
    this.#keys = keys;
    this.#isQueried = isQueried;
    this.#refusal = refusals(context, MEMORY_MS);
  }

  /**
   * All of them on this thread, each with a query behind it: that overwrites the copy of a plaintext key which libmlx5
   * leaves on the stack, and which on a thread of the pool would stay.
   */
  async runHere(): Promise<void> {
    for (let i = 0; i < this.count; i++) {
      if (i % PLAINTEXT_A_TURN === PLAINTEXT_A_TURN - 1) await turnOfTheLoop();
      await this.now(i);
    }
  }

  now(i: number): Promise<void> | undefined {
    const {lib} = this.#context;
    try {
      prepare(this.#context, this.#keys, i, own);
      const pointer = lib.mlx5dv_dek_create(this.#context.ptr, own.bytes);
      const made = this.#end(i, pointer, pointer === null ? lib.errno() : 0, own);
      if (made instanceof Promise) return made;
      if (!this.#isQueried && isWrapped(this.#keys.kinds[i]!)) return undefined;
      return this.#note(i, Dek.firstState(made, this.#refusal));
    } catch (error) {
      this.deks[i] = asDekError('create', error);
      return undefined;
    }
  }

  start(i: number, done: () => void): boolean {
    const structs = this.#idle.pop() ?? this.#newStructs();
    const ended = (): void => {
      this.#idle.push(structs);
      done();
    };
    const settled = (later: Promise<void> | undefined): void => {
      if (later) void later.then(ended);
      else ended();
    };
    try {
      prepare(this.#context, this.#keys, i, structs.init);
      this.#context.lib.async.mlx5dv_dek_create(this.#context.ptr, structs.init.bytes, (pointer, errno) => {
        this.#context.creates--;
        const made = this.#end(i, pointer, errno, structs.init);
        if (made instanceof Promise) settled(made);
        else if (!this.#isQueried) ended();
        else Dek.firstStateAsync(made, structs.dek, this.#refusal, (state) => settled(this.#note(i, state)));
      });
    } catch (error) {
      this.#idle.push(structs);
      this.deks[i] = asDekError('create', error);
      return false;
    }
    this.#context.creates++; // its end comes in a later turn
    return true;
  }

  wipe(): void {
    wipe(own.bytes, ...this.#structs.map(({init}) => init.bytes));
  }

  #newStructs(): Structs {
    const structs = new Structs();
    this.#structs.push(structs);
    return structs;
  }

  /** The DEK; or, when there is none, the end of finding out why. */
  #end(i: number, pointer: DekPtr | null, errno: number, init: InitAttr): Dek | Promise<void> {
    const kind = this.#keys.kinds[i]!;
    if (pointer === null) {
      const making = this.#refusal('create', errno, isWrapped(kind), mailboxOf(this.#context, init));
      return settle(this.#context, 'create', making, (error) => {
        this.deks[i] = error;
      });
    }
    const dek = new Dek(this.#context, pointer, kind);
    this.deks[i] = dek;
    return dek;
  }

  /** Keeps the state of one that was made, if it is asked for; or finds out why there is none. */
  #note(i: number, state: DekState | DekError | Steps<DekError>): Promise<void> | undefined {
    if (!this.#isQueried) return undefined;
    if (typeof state === 'string' || state instanceof DekError) {
      this.states[i] = state;
      return undefined;
    }
    return settle(this.#context, 'query', state, (error) => {
      this.states[i] = error;
    });
  }
}

/**
 * Right before the call: the whole structure, with the protection domain, and the login that unwraps the key. No code
 * of the caller runs from here on.
 */
function prepare(context: Context, keys: Keys, i: number, attr: InitAttr): void {
  context.ptr;
  const login = loginNamedBy(context, keys.kinds[i]!);
  if (!isWrapped(keys.kinds[i]!)) assertDistinctKeys(keys, i);
  keys.write(i, attr);
  attr.view.setBigUint64(INIT_ATTR.pd, context.pd, true);
  attr.view.setBigUint64(INIT_ATTR.comp_mask, login === undefined ? 0n : LOGIN_BIT, true);
  attr.view.setBigUint64(INIT_ATTR.crypto_login, login ?? 0n, true);
}

/**
 * FIPS 140-3 IG C.I: the NIC may or may not refuse AES-XTS with key1 == key2. Of a wrapped key only the NIC can tell.
 */
function assertDistinctKeys(keys: Keys, i: number): void {
  if ((keys.kinds[i]! & Kind.EQUAL_KEYS) !== 0 || !keys.hasEqualHalves(i)) return;
  throw new DekError('EQUAL_KEYS', 'key1 and key2 are equal', {
    hint: 'AES-XTS needs two different keys (FIPS 140-3 IG C.I); for the NIC to decide: --allow-equal-keys',
  });
}

/** The command of a create that was refused, as libmlx5 has sent it. */
function mailboxOf(context: Context, {bytes}: InitAttr): () => Uint8Array {
  return () => dekMailbox(bytes, context.pdn);
}

/**
 * What the structure names as login: its object for a wrapped key; nothing, so that comp_mask stays 0, in the session
 * API; 0, NULL, says that the key is plaintext, so that a wrapped key without a login is not sent at all.
 */
function loginNamedBy(context: Context, kind: number): bigint | undefined {
  if (!isWrapped(kind)) {
    if (context.lib.loginObjects !== undefined) return 0n;
    throw new DekError('UNSUPPORTED', 'plaintext DEKs need rdma-core 42 or later');
  }
  const {info, login} = context;
  if (login === undefined) {
    throw new DekError('NO_LOGIN', `${info.name} is not logged in`, {
      hint: 'log in first: a wrapped DEK is created under a login',
    });
  }
  return login.object ?? undefined;
}
