/** What a refusal of the NIC means for a DEK of a context: explain.ts, with what it has to ask. */
import type {DekError} from '../../errors.js';
import type {Context} from '../context.js';
import {type Steps, wait} from '../steps.js';
import {askAgain} from './ask-again.js';
import type {Call} from './errno-table.js';
import {explain} from './explain.js';
import {whyUnfit} from './fitness.js';

/**
 * The error for a `call` that came back with `errno` (positive) for a DEK that came wrapped, or did not. `mailbox`
 * makes the command once more, for the NIC to be asked why it refused it; it is called, if at all, before the first
 * question to the NIC.
 */
export type Refusal = (call: Call, errno: number, wrapped: boolean, mailbox?: () => Uint8Array) => Steps<DekError>;

/** So many DEKs of a batch are asked for once more: the reasons of the others are the same as a rule. */
const MOST_ASKED = 16;

/**
 * Returns what makes the error. It may have to ask the NIC for the login's state, for what it can do now, or whether it
 * answers at all: firmware commands. A batch can bring thousands of refusals, so that it lets an answer count for
 * `memoryMs`.
 */
export function refusals(context: Context, memoryMs = 0): Refusal {
  const loginState = remembered(memoryMs, function* () {
    try {
      return context.login ? yield* context.login.query() : 'NO_LOGIN';
    } catch {
      // Only asked to explain another error: that one is the answer.
      return 'VALID';
    }
  });
  const answers = remembered(memoryMs, () => context.answers());
  const maxDeks = remembered(memoryMs, function* () {
    try {
      return (yield* context.capsNow()).maxDeks;
    } catch {
      return 0;
    }
  });
  const unfit = {
    wrapped: remembered(memoryMs, () => whyUnfit(context, 'wrapped')),
    plaintext: remembered(memoryMs, () => whyUnfit(context, 'plaintext')),
  };
  let asked = 0;
  const counted = (mailbox: () => Uint8Array) => (): Uint8Array => {
    asked++; // it is made only where the errno is worth the question
    return mailbox();
  };
  return function* (call, errno, wrapped, mailbox) {
    const told = mailbox && asked < MOST_ASKED ? yield* askAgain(context, errno, counted(mailbox)) : undefined;
    const questions = {
      maxDeks,
      loginState,
      answers,
      unfit: call === 'create' ? unfit[wrapped ? 'wrapped' : 'plaintext'] : undefined,
    };
    return yield* explain(call, errno, {device: context.info.name, wrapped, told}, questions);
  };
}

/** Asks once at a time, and not again as long as the answer counts: not less than it took. `ask` must not throw. */
function remembered<T>(ms: number, ask: () => Steps<T>): () => Steps<T> {
  let until = Number.NEGATIVE_INFINITY;
  let answer: T;
  let asking: Promise<void> | undefined;
  return function* () {
    if (performance.now() < until) return answer;
    if (asking && (yield* wait(asking))) return answer;
    const before = performance.now();
    let end = (): void => {};
    asking = new Promise((resolve) => {
      end = resolve;
    });
    try {
      answer = yield* ask();
      const now = performance.now();
      if (ms > 0) until = now + Math.max(ms, now - before);
      return answer;
    } finally {
      asking = undefined;
      end();
    }
  };
}
