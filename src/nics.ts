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
import {foundAgain, selectDevice} from './rdma/list.js';
import {assertShimLoaded} from './virtual/loaded.js';

/**
 * The RDMA devices of this host, mlx5 or not. Opens none.
 * @returns a list, empty when there is none
 * @throws DekError: NO_LIBRARY; UNSUPPORTED when the virtual ConnectX that is asked for is not loaded; or what the list
 *   call says
 */
export function listDevices(): DeviceInfo[] {
  assertShimLoaded();
  return listAll();
}

/**
 * Opens a device. Does not block: libmlx5 waits for a device that cannot be opened, up to five seconds, in another
 * thread.
 * @param name - `mlx5_0`, a PCI address or a node GUID; the only device when left out
 * @param options - which login API to use
 * @returns the device, which the caller closes
 * @throws DekError: NO_DEVICE; BAD_ARGUMENT when several are meant; PERMISSION; UNSUPPORTED for a device that is not
 *   mlx5, or when the virtual ConnectX that is asked for is not loaded; NO_LIBRARY
 */
export async function openDevice(name?: string, options?: OpenOptions): Promise<Device> {
  assertShimLoaded();
  return openAny(name, options);
}

/** The name that the kernel has for `name` (a PCI address, a node GUID; nothing for the only NIC). Throws NO_DEVICE. */
export function deviceName(name?: string): string {
  return selectDevice(
    listDevices().map((info) => ({info})),
    name,
  ).info.name;
}

/** The name that a NIC has now, which may be another since it was reset: its place and its GUID are the same. */
export function nameNow(info: DeviceInfo): string {
  return foundAgain(listDevices(), info)?.name ?? info.name;
}
