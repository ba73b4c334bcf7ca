/**
 * DEVX: the kernel passes ACCESS_REGISTER_USER of whoever may open the device; whether the firmware lets such a user at
 * the officer's registers is not public. It is asked.
 */
import {openDevice} from '../../nics.js';
import {sendCommand} from '../../rdma/general-command.js';
import type {DeviceInfo} from '../../rdma/index.js';
import type {Way} from './way.js';

const ACCESS_REGISTER_USER = 0xb0c;

/** Opens the NIC. Throws what openDevice throws. */
export async function openDevx({name}: DeviceInfo): Promise<Way> {
  const device = await openDevice(name);
  return {
    name: 'DEVX',
    opcode: ACCESS_REGISTER_USER,
    run: (in_, out) => sendCommand(device, in_, out),
    close: () => device.close(),
  };
}
