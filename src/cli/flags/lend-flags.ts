/** Flags for services that lend a context to the agent or share the agent's: of `dek agent` and `dek run`. */
import * as Flags from '@oclif/core/flags';
import type {LendingOptions} from '../../agent/lending/lending.js';

export const lendFlags = {
  lend: Flags.boolean({
    dependsOn: ['manifest'],
    description: 'create DEKs only in the contexts that services lend, dek-attach(7)',
  }),
  'release-within': Flags.integer({
    helpValue: 'SECONDS',
    min: 1,
    max: 86_400,
    description: 'destroy a replaced DEK after so many seconds, even if a service has not released it (default: never)',
  }),
  'allow-old-kernel': Flags.boolean({
    description:
      'let services attach on a Linux before 5.13 whose mlx5_ib is known to have the fix of 5.13, dek-attach(7)',
  }),
};

export interface LendFlags {
  lend?: boolean | undefined;
  'release-within'?: number | undefined;
  'allow-old-kernel': boolean;
}

export function lendOptions(flags: LendFlags): LendingOptions {
  const seconds = flags['release-within'];
  return {
    lends: Boolean(flags.lend),
    releaseWithinMs: seconds === undefined ? undefined : seconds * 1000,
    allowOldKernel: flags['allow-old-kernel'],
  };
}
