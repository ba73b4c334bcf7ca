/** Any firmware command that the kernel passes and that makes nothing: mlx5dv_devx_general_cmd(3). */
import {Device} from './device.js';
import {explain} from './refusal/explain.js';

/**
 * Sends `in_`; the firmware's answer, a refusal too, is in `out`, of at least 16 bytes. Throws DEVICE_GONE, UNSUPPORTED
 * and what else keeps a command from the firmware.
 */
export function sendCommand(device: Device, in_: Uint8Array, out: Uint8Array): void {
  const context = Device.contextOf(device);
  const {lib, ptr, info} = context;
  const errno = Math.abs(lib.mlx5dv_devx_general_cmd(ptr, in_, in_.length, out, out.length));
  if (errno !== 0 && out[0] === 0) {
    throw context.here(explain('command', errno, {device: info.name}, {answers: () => context.answers()}));
  }
}
