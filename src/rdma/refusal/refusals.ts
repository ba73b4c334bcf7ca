/** What a refusal of the NIC means for a DEK of a context: errno.ts, with what it has to ask. */
import type {DekError} from '../../errors.js';
import type {Context} from '../context.js';
import {askAgain} from './ask-again.js';
import {callFailed} from './errno.js';
import type {Call} from './errno-table.js';
import {whyUnfit} from './fitness.js';

/**
 * The error for a `call` that came back with `errno` (positive) for a DEK that came wrapped, or did not. `mailbox`
 * makes the command once more, for the NIC to be asked why it refused it.
 */
export type Refusal = (call: Call, errno: number, wrapped: boolean, mailbox?: () => Uint8Array) => DekError;

/** So many DEKs of a batch are asked for once more: the reasons of the others are the same as a rule. */
const MOST_ASKED = 16;

/**
 * Returns what makes the error. It may have to ask the NIC for the login's state, for what it can do now, or whether it
 * answers at all: firmware commands on this thread. A batch can bring thousands of refusals, so that it lets an answer
 * count for `memoryMs`.
 */
export function refusals(context: Context, memoryMs = 0): Refusal {
  const loginState = remembered(memoryMs, () => {
    try {
      return context.login?.query() ?? 'NO_LOGIN';
    } catch {
      // Only asked to explain another error: that one is the answer.
      return 'VALID';
    }
  });
  const answers = remembered(memoryMs, () => context.answers());
  const maxDeks = remembered(memoryMs, () => {
    try {
      return context.capsNow().maxDeks;
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
  return (call, errno, wrapped, mailbox) =>
    callFailed(call, errno, {
      device: context.info.name,
      maxDeks,
      wrapped,
      loginState,
      answers,
      told: mailbox && asked < MOST_ASKED ? askAgain(context, errno, counted(mailbox)) : undefined,
      unfit: call === 'create' ? unfit[wrapped ? 'wrapped' : 'plaintext'] : undefined,
    });
}

function remembered<T>(ms: number, ask: () => T): () => T {
  let until = Number.NEGATIVE_INFINITY;
  let answer: T;
  return () => {
    if (performance.now() >= until) {
      answer = ask();
      until = performance.now() + ms;
    }
    return answer;
  };
}
