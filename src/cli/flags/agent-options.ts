/** What `dek agent` and `dek run` give to the agent that they start, from the flags that both have. */
import {resolve} from 'node:path';
import * as Flags from '@oclif/core/flags';
import type {AgentOptions} from '../../agent/agent.js';
import type {LendingOptions} from '../../agent/lending/lending.js';
import type {ApplyStep} from '../../agent/protocol.js';
import type {Format} from '../../custody/encoding.js';
import {kindOf, LASTING_KEK_FORMS, SOURCES, WRAPPERS} from '../../custody/sources/table.js';
import {DekError} from '../../errors.js';
import type {Progress} from '../output/progress.js';
import {formatFlag} from './format-flag.js';
import {type LendFlags, lendOptions} from './lend-flags.js';
import {type ProveFlags, proveShare} from './prove-flags.js';

/** `--kek SOURCE` of an agent, and `--kek-format`. */
export const agentKekFlags = {
  kek: Flags.string({
    helpValue: 'SOURCE',
    description: `import KEK to unwrap the manifest with, only for NICs in plaintext import mode: ${LASTING_KEK_FORMS}`,
  }),
  'kek-format': formatFlag('the KEK', {dependsOn: ['kek']}),
};

/** `--query`: whether a created DEK is believed to be READY. */
export const queryFlag = Flags.boolean({
  allowNo: true,
  default: false,
  description: 'query each DEK of the manifest after creating it (default: no)',
});

/** `--explain`: of `dek agent`, `dek run` and `dek doctor`. */
export const explainFlag = Flags.boolean({
  allowNo: true,
  default: true,
  description: 'if the NIC refuses a login or a DEK, send it once more to learn why (default: yes)',
});

export interface AgentFlags extends ProveFlags, LendFlags {
  device: string[];
  kek?: string | undefined;
  'kek-format'?: Format | undefined;
  query: boolean;
  explain: boolean;
  'check-interval': number;
}

type Common = Pick<
  AgentOptions,
  'devices' | 'kek' | 'kekFormat' | 'query' | 'explains' | 'prove' | 'checkIntervalMs' | 'progress'
> &
  LendingOptions;

/** Throws BAD_ARGUMENT for a KEK that the agent could not read again. */
export function agentOptions(flags: AgentFlags, progress: Progress): Common {
  return {
    devices: flags.device,
    kek: agentSource(flags.kek),
    kekFormat: flags['kek-format'],
    query: flags.query,
    explains: flags.explain,
    prove: proveShare(flags),
    checkIntervalMs: flags['check-interval'] * 1000,
    ...lendOptions(flags),
    progress: (done, total, step) => progress.update(STEPS[step], done, total),
  };
}

/** What has been done to the DEKs of an apply, for its progress. */
export const STEPS: Readonly<Record<ApplyStep, string>> = {create: 'created', prove: 'proven'};

/** A source of the KEK that the agent can read by itself, also later: its path made absolute. Throws BAD_ARGUMENT. */
export function agentSource(spec: string | undefined): string | undefined {
  if (spec?.startsWith('file:')) return `file:${resolve(spec.slice('file:'.length))}`;
  if (spec === undefined || kindOf(spec, {...SOURCES, ...WRAPPERS})?.kind.isLasting) return spec;
  throw new DekError('BAD_ARGUMENT', '--kek has to be a source that the agent can read again', {
    hint: `${LASTING_KEK_FORMS}: a DEK that is healed later is unwrapped anew`,
  });
}
