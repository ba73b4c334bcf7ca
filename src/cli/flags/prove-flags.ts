/** `--prove` and `--prove-share`: which DEKs are proven before they are used. */
import * as Flags from '@oclif/core/flags';
import {hideKey} from '../../bytes.js';
import {DekError} from '../../errors.js';

/** Of an agent, and of an apply. */
export const proveFlags = {
  prove: Flags.boolean({
    description: 'prove each DEK, as dek prove does, before it is used',
    exclusive: ['prove-share'],
  }),
  'prove-share': Flags.custom<number>({
    helpValue: 'PERCENT',
    description: 'prove a random sample of the DEKs instead, such as 1%, and at least one',
    parse: async (text) => parseShare(text),
  })(),
};

/** The values of these flags. */
export interface ProveFlags {
  prove?: boolean;
  'prove-share'?: number | undefined;
}

/** The share that they ask for: above 0 and up to 1, undefined for none. */
export function proveShare({prove, 'prove-share': share}: ProveFlags): number | undefined {
  return prove ? 1 : share;
}

/** `1%` is 0.01. Throws BAD_ARGUMENT. */
export function parseShare(text: string): number {
  const share = /^[0-9]{1,3}(\.[0-9]{1,6})?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number.NaN;
  if (share > 0 && share <= 1) return share;
  throw new DekError('BAD_ARGUMENT', `--prove-share expected a percentage such as 1%, got "${hideKey(text)}"`, {
    hint: 'above 0% and up to 100%; --prove is all of them',
  });
}

/** `1%` of 0.01. */
export function describeShare(share: number): string {
  return `${Number((100 * share).toPrecision(6))}%`;
}
