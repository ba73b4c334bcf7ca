/** What a manifest has to be for an agent to apply it, from the flags of `dek agent` and `dek run`. */
import {resolve} from 'node:path';
import * as Flags from '@oclif/core/flags';
import type {AgentOptions} from '../../agent/agent.js';
import {DekError} from '../../errors.js';
import {HOST_FORM, isHost} from '../../manifest/fields/edition.js';
import {STORE_FORMS} from '../../rollback-index/table.js';
import {ALLOWED_SIGNERS, thresholdFlag} from '../manifest/signatures.js';

export const gateFlags = {
  'allowed-signers': Flags.string({
    helpValue: 'FILE',
    description: `apply only what these signers have signed, and refuse dek create: a file ${ALLOWED_SIGNERS}`,
  }),
  threshold: thresholdFlag,
  release: Flags.string({
    helpValue: 'FILE',
    description: 'signed release: apply only the manifests that it lists',
  }),
  host: Flags.string({
    helpValue: 'NAME',
    description:
      'name of this host, for manifests that name hosts (default: that of its certificate in a fleet, else its ' +
      'static host name)',
  }),
  'rollback-index': Flags.string({
    helpValue: 'SOURCE',
    description: `where to keep the highest generation that this host has accepted: ${STORE_FORMS}`,
  }),
};

/** The values of `gateFlags`. */
export interface GateFlags {
  'allowed-signers'?: string | undefined;
  threshold: number;
  release?: string | undefined;
  host?: string | undefined;
  'rollback-index'?: string | undefined;
}

type GateSettings = Pick<AgentOptions, 'gate' | 'rollbackIndex' | 'stateDirectory'>;

/** Throws BAD_ARGUMENT for what asks for signers without them. */
export function gateSettings(flags: GateFlags): GateSettings {
  const {'allowed-signers': signers, threshold, release, host, 'rollback-index': rollbackIndex} = flags;
  const others = {release, 'rollback-index': rollbackIndex, threshold: threshold > 1 ? threshold : undefined};
  const needing = Object.entries(others).find(([, value]) => value !== undefined);
  if (signers === undefined && needing) {
    throw new DekError('BAD_ARGUMENT', `--${needing[0]} requires --allowed-signers`, {
      hint: 'without a signature anybody who can write the manifest can give it any number',
    });
  }
  if (host !== undefined && !isHost(host)) {
    throw new DekError('BAD_ARGUMENT', '--host expected the name of a host', {hint: HOST_FORM});
  }
  return {
    gate: {
      allowedSigners: signers && resolve(signers),
      threshold,
      release: release && resolve(release),
      host,
    },
    rollbackIndex,
    stateDirectory: process.env['STATE_DIRECTORY']?.split(':')[0] || undefined,
  };
}
