/** What a DEK can be called, in the agent and in a manifest. */
import {hideKey} from './bytes.js';
import {DekError} from './errors.js';

/** 1 to 128 letters, digits and . _ : @ + - with a letter or a digit first: safe in paths, shells and file names. */
export const DEK_NAME = '^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$';

/** The rule in words. */
export const DEK_NAME_RULE = '1 to 128 letters, digits and . _ : @ + -, a letter or a digit first';

/** Whether `name` can name a DEK. */
export function isDekName(name: unknown): name is string {
  return typeof name === 'string' && new RegExp(DEK_NAME).test(name);
}

/** Throws BAD_ARGUMENT unless `name` can name a DEK. */
export function assertDekName(name: string): void {
  if (isDekName(name)) return;
  throw new DekError('BAD_ARGUMENT', `${JSON.stringify(hideKey(`${name}`.slice(0, 140)))} cannot name a DEK`, {
    hint: `use ${DEK_NAME_RULE}`,
  });
}
