/** What a refusal of the NIC means for a DEK of a context: errno.ts, with what it has to ask. */
import type {DekError} from '../errors.js';
import type {Context} from './context.js';
import {type Call, callFailed} from './errno.js';
import {whyUnfit} from './fitness.js';

/** The error for a `call` that came back with `errno` (positive) for a DEK that came wrapped, or did not. */
export type Refusal = (call: Call, errno: number, wrapped: boolean) => DekError;

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
  return (call, errno, wrapped) =>
    callFailed(call, errno, {
      device: context.info.name,
      maxDeks,
      wrapped,
      loginState,
      answers,
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
