/**
 * The NICs of this host, or of the virtual ConnectX that this process is to run on: never those of the host in its
 * place. The bindings (rdma) know nothing of it, and open what libibverbs finds.
 */
import {
  type Device,
  type DeviceInfo,
  listDevices as listAll,
  type OpenOptions,
  openDevice as openAny,
} from './rdma/index.js';
import {assertShimLoaded} from './virtual/loaded.js';

/** The RDMA devices: an empty list when there are none. Throws NO_LIBRARY, UNSUPPORTED, or what the list call says. */
export function listDevices(): DeviceInfo[] {
  assertShimLoaded();
  return listAll();
}

/**
 * Opens the device called `name` (`mlx5_0`, PCI address or node GUID), or the only one. Throws NO_DEVICE, BAD_ARGUMENT
 * when several are meant, PERMISSION, UNSUPPORTED for a device that is not mlx5, NO_LIBRARY. Does not block.
 */
export async function openDevice(name?: string, options?: OpenOptions): Promise<Device> {
  assertShimLoaded();
  return openAny(name, options);
}
