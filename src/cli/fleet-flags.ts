/** How commands reach a fleet. */
import * as Flags from '@oclif/core/flags';
import type {Limit} from '../deadline.js';
import {DekError} from '../errors.js';
import {Store} from '../fleet/etcd/store.js';
import {FleetKeys} from '../fleet/keys.js';
import {FLEET_FORM, FLEET_SHORT, parseFleetUri} from '../fleet/uri.js';
import {protectSecrets} from '../memory/protect.js';

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

/** Calls `use` with the fleet that is meant, and closes it then. Throws BAD_ARGUMENT when none is. */
export async function withFleet<T>(
  {fleet}: {fleet?: string | undefined},
  use: (fleet: Fleet) => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  const text = fleet ?? process.env['DEK_FLEET'];
  if (text === undefined || text === '') {
    throw new DekError('BAD_ARGUMENT', 'which fleet is not said', {hint: `--fleet ${FLEET_FORM}, or set DEK_FLEET`});
  }
  protectSecrets();
  const uri = parseFleetUri(text, 'fleet');
  const limit: Limit = {timeoutMs: SOURCE_TIMEOUT_MS, signal};
  const store = new Store(uri, limit);
  try {
    return await use({store, keys: new FleetKeys(uri.prefix)});
  } finally {
    store.close();
  }
}
