/** What an errno means where that takes questions to the NIC: errno.ts, which has each asked that it comes to need. */
import type {DekError} from '../../errors.js';
import type {Steps} from '../steps.js';
import {callFailed} from './errno.js';
import type {About, Call} from './errno-table.js';

type Asked = 'maxDeks' | 'loginState' | 'answers' | 'unfit';

/** How what an errno may depend on is found out. What is left out is not known. */
export type Questions = {
  readonly [Name in Asked]?: (() => Steps<ReturnType<NonNullable<About[Name]>>>) | undefined;
};

/** Thrown in the place of an answer that is not there yet. */
class Unanswered {
  readonly question: Asked;

  constructor(question: Asked) {
    this.question = question;
  }
}

/** The error for a `call` that came back with `errno` (positive). */
export function* explain(call: Call, errno: number, about: Omit<About, Asked>, questions: Questions): Steps<DekError> {
  const answers: Partial<Record<Asked, () => unknown>> = {};
  for (const name of Object.keys(questions) as Asked[]) {
    if (questions[name] === undefined) continue;
    answers[name] = () => {
      throw new Unanswered(name);
    };
  }
  for (;;) {
    try {
      return callFailed(call, errno, {...about, ...answers} as About);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      const answer = yield* questions[error.question]!();
      answers[error.question] = () => answer;
    }
  }
}
