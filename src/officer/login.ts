/** Whether a NIC takes a credential for a login: tells a user's from one that is wrong. */
import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {openDevice} from '../nics.js';
import type {DeviceInfo} from '../rdma/index.js';

/** On a context of its own. False as well when this process may not open the NIC for that. */
export async function canLogIn({name}: DeviceInfo, login: LoginOptions): Promise<boolean> {
  try {
    using device = await openDevice(name);
    return device.login(login).query() === 'VALID';
  } catch (error) {
    if (error instanceof DekError) return false;
    throw error;
  }
}
