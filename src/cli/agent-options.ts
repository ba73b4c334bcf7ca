/** What `dek agent` and `dek run` give to the agent that they start, from the flags that both have. */
import {resolve} from 'node:path';
import type {AgentOptions} from '../agent/agent.js';
import {agentSource} from './flags.js';
import type {Progress} from './progress.js';

export interface AgentFlags {
  device: string[];
  manifest?: string | undefined;
  kek?: string | undefined;
  'check-interval': number;
}

type Common = Pick<AgentOptions, 'devices' | 'manifest' | 'kek' | 'checkIntervalMs' | 'progress'>;

/** Throws BAD_ARGUMENT for a KEK that the agent could not read again. */
export function agentOptions(flags: AgentFlags, progress: Progress): Common {
  return {
    devices: flags.device,
    manifest: flags.manifest === undefined ? undefined : resolve(flags.manifest),
    kek: agentSource(flags.kek),
    checkIntervalMs: flags['check-interval'] * 1000,
    progress: (done, total) => progress.update('created', done, total),
  };
}
