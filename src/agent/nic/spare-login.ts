/**
 * Whether the NICs would take a login that is to come, under the next KEK: tried on a context that is opened for it and
 * closed again, so that the login of now and what hangs on it stay as they are.
 */
import type {LoginOptions} from '../../dek-layout.js';
import {openDevice} from '../../nics.js';
import type {DekSet} from '../set/dek-set.js';

/** Why not, of the first NIC that does not take it; undefined: all do. One that takes plaintext needs no login. */
export async function trySpareLogin({nics}: Pick<DekSet, 'nics'>, login: LoginOptions): Promise<string | undefined> {
  for (const {name, importMode} of nics) {
    if (importMode === 'plaintext') continue;
    try {
      const device = await openDevice(name);
      try {
        const state = await (await device.loginAsync(login)).queryAsync();
        if (state !== 'VALID') return `${name}: the login is ${state}`;
      } finally {
        await device.closeAsync();
      }
    } catch (error) {
      return `${name}: ${(error as Error).message}`;
    }
  }
  return undefined;
}
