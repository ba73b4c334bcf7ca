/** What a manifest is refused for: codes of errors, each told by its own event and counted by its own metric. */
import type {DekErrorCode} from '../../errors.js';

export const REFUSALS = [
  'UNSIGNED',
  'BAD_SIGNATURE',
  'NOT_RELEASED',
  'WRONG_HOST',
  'ROLLED_BACK',
  'NOT_ENROLLED',
  'EXPIRED',
  'CLOCK_NOT_SET',
] as const satisfies readonly DekErrorCode[];
