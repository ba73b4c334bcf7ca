/** How commands reach a fleet. */
import * as Flags from '@oclif/core/flags';
import type {Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import {Store} from '../../fleet/etcd/store.js';
import {FleetKeys} from '../../fleet/layout/keys.js';
import {FLEET_FORM, FLEET_SHORT, type FleetUri, parseFleetUri} from '../../fleet/uri.js';
import {protectSecrets} from '../../memory/protect.js';

/** How long a source of a certificate or a key may give nothing. */
const SOURCE_TIMEOUT_MS = 60_000;

/** `--fleet`. */
export const fleetFlag = {
  fleet: Flags.string({
    helpValue: 'URI',
    description: `the fleet: ${FLEET_SHORT}, dek-fleet(7) (default: $DEK_FLEET)`,
  }),
};

/** A fleet that can be asked. */
export interface Fleet {
  readonly store: Store;
  readonly keys: FleetKeys;
}

/** The fleet that is meant. Throws BAD_ARGUMENT when none is. */
export function fleetUri({fleet}: {fleet?: string | undefined}): FleetUri {
  const text = fleet ?? process.env['DEK_FLEET'];
  if (text !== undefined && text !== '') return parseFleetUri(text, 'fleet');
  throw new DekError('BAD_ARGUMENT', 'which fleet is not said', {hint: `--fleet ${FLEET_FORM}, or set DEK_FLEET`});
}

/** It; to be closed. */
export function openFleet(
  flags: {fleet?: string | undefined},
  signal: AbortSignal = new AbortController().signal,
): Fleet & {close: () => void} {
  const uri = fleetUri(flags);
  protectSecrets();
  const limit: Limit = {timeoutMs: SOURCE_TIMEOUT_MS, signal};
  const store = new Store(uri, limit);
  return {store, keys: new FleetKeys(uri.prefix), close: () => store.close()};
}

/** Calls `use` with it, and closes it then. */
export async function withFleet<T>(
  flags: {fleet?: string | undefined},
  use: (fleet: Fleet) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const {close, ...fleet} = openFleet(flags, signal);
  try {
    return await use(fleet);
  } finally {
    close();
  }
}
