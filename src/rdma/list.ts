/**
 * The RDMA devices of this host, and how a name finds one. Names such as mlx5_0 change between boots: a PCI address or
 * a node GUID does not.
 */
import {readFileSync, realpathSync} from 'node:fs';
import {basename} from 'node:path';
import {hideKey} from '../bytes.js';
import {DekError} from '../errors.js';
import {assertRoomFor} from '../files/descriptor.js';
import {IBV_DEVICE} from './c-layout.js';
import {type DevicePtr, type Library, library} from './ffi.js';
import {callFailed} from './refusal/errno.js';
import {errnoName} from './refusal/errno-name.js';

/** What is known of a device without opening it. */
export interface DeviceInfo {
  /** The kernel's name, `mlx5_0`; it may differ after a boot. */
  readonly name: string;
  /** `/dev/infiniband/uverbs0` */
  readonly node: string;
  /** `506b:4b03:00c0:ffee` */
  readonly nodeGuid: string;
  /** `0000:17:00.0`, or undefined for a device that is no PCI function of its own (virtual, subfunction). */
  readonly pciAddress: string | undefined;
  /** `auxiliary/mlx5_core.sf.4` of a subfunction, as devlink(8) writes it. */
  readonly auxiliaryDevice?: string | undefined;
  /** `ConnectX-7`, or undefined when the PCI device id is not in dek's table. */
  readonly model: string | undefined;
  /** The firmware's version, `28.39.1002`, or undefined. */
  readonly firmware: string | undefined;
  /** Whether libmlx5 drives it: only then can it hold DEKs. */
  readonly mlx5: boolean;
}

/** The files that libibverbs has open at once while it looks for devices. */
const FILES = 4;

/** PCI device ids (vendor 15b3) from ConnectX-6 on, as libmlx5's own table names them. */
const MODELS: Readonly<Record<string, string>> = {
  '101B': 'ConnectX-6',
  '101C': 'ConnectX-6 VF',
  '101D': 'ConnectX-6 Dx',
  '101E': 'ConnectX VF',
  '101F': 'ConnectX-6 Lx',
  '1021': 'ConnectX-7',
  '1023': 'ConnectX-8',
  '1025': 'ConnectX-9',
  A2D6: 'BlueField-2',
  A2DC: 'BlueField-3',
  A2DF: 'BlueField-4',
};

/**
 * The RDMA devices of this host, mlx5 or not. Opens none.
 * @returns a list, empty when there is none
 * @throws DekError: NO_LIBRARY, or what the list call says
 */
export function listDevices(): DeviceInfo[] {
  return withDevices(library(), (devices) => devices.map(({info}) => info));
}

export interface ListedDevice {
  readonly ptr: DevicePtr;
  readonly info: DeviceInfo;
}

/** Calls `use` with the devices. Their pointers are good until it returns, or its promise settles. */
export function withDevices<T>(lib: Library, use: (devices: ListedDevice[]) => T): T {
  const list = lib.ibv_get_device_list(null);
  if (list === null) {
    const errno = lib.errno();
    // ENOSYS: a kernel without RDMA, ibv_get_device_list(3).
    if (errnoName(errno) === 'ENOSYS') return use([]);
    throw callFailed('list', errno, {device: ''});
  }
  const free = () => lib.ibv_free_device_list(list);
  let result: T;
  try {
    // libibverbs passes over a device whose files it cannot open.
    if (lib.pointersAt(list).length === 0) assertRoomFor(FILES);
    result = use(
      lib.pointersAt(list).map((ptr) => ({ptr: ptr as DevicePtr, info: describeDevice(lib, ptr as DevicePtr)})),
    );
  } catch (error) {
    free();
    throw error;
  }
  if (result instanceof Promise) return result.finally(free) as T;
  free();
  return result;
}

/** What is known of a device that libibverbs has. */
export function describeDevice(lib: Library, device: DevicePtr): DeviceInfo {
  const struct = Buffer.from(lib.bytesAt(device, IBV_DEVICE.size));
  const text = (offset: number) => struct.toString('utf8', offset, struct.indexOf(0, offset));
  const sysfs = text(IBV_DEVICE.ibdev_path);
  return {
    name: text(IBV_DEVICE.name),
    node: `/dev/infiniband/${text(IBV_DEVICE.dev_name)}`,
    nodeGuid: guidText(lib.ibv_get_device_guid(device)),
    pciAddress: pciAddress(`${sysfs}/device`),
    auxiliaryDevice: auxiliaryDevice(`${sysfs}/device`),
    model: MODELS[/^pci:v000015B3d0000([0-9A-F]{4})/.exec(readText(`${sysfs}/device/modalias`) ?? '')?.[1] ?? ''],
    firmware: readText(`${sysfs}/fw_ver`) || undefined,
    mlx5: lib.mlx5dv_is_supported(device),
  };
}

/** The GUID comes in network byte order: its bytes in memory are the text's order. */
function guidText(guid: number | bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(guid));
  return bytes.toString('hex').replace(/(.{4})(?!$)/g, '$1:');
}

/** sysfs links a device to its PCI function, whose folder is named by the address. */
function pciAddress(link: string): string | undefined {
  try {
    const name = basename(realpathSync(link));
    return /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Of a subfunction sysfs links to a device of the auxiliary bus. */
function auxiliaryDevice(link: string): string | undefined {
  try {
    const name = basename(realpathSync(link));
    return /^mlx5_core\.sf\.\d+$/.test(name) ? `auxiliary/${name}` : undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

const NAME_FORMS =
  'name it as mlx5_0, by PCI address (0000:17:00.0) or by node GUID; `dek device list` shows all three';

/**
 * The device that `name` means: `mlx5_0`, a PCI address (with or without its domain), or a node GUID (with or without
 * colons or 0x). Without a name the only device. Throws NO_DEVICE, or BAD_ARGUMENT when the name is not enough.
 */
export function selectDevice<T extends {readonly info: DeviceInfo}>(devices: readonly T[], name?: string): T {
  if (devices.length === 0) {
    throw new DekError('NO_DEVICE', 'this host has no RDMA device', {
      hint:
        'check that the NIC is there (lspci -d 15b3:) and that mlx5_core, mlx5_ib and ib_uverbs are loaded; ' +
        'to try dek without a NIC: dek virtual create DIR',
    });
  }
  const wanted = name?.toLowerCase();
  const found = wanted === undefined ? devices : devices.filter(({info}) => isCalled(info, wanted));
  if (found.length === 1) return found[0]!;
  const names = (found.length === 0 ? devices : found).map(({info}) => info.name).join(', ');
  if (found.length === 0) {
    throw new DekError('NO_DEVICE', `no RDMA device is called ${JSON.stringify(hideKey(name!))}; there is ${names}`, {
      hint: NAME_FORMS,
    });
  }
  const asked =
    name === undefined
      ? 'this host has several RDMA devices'
      : `${JSON.stringify(hideKey(name))} means several RDMA devices`;
  throw new DekError('BAD_ARGUMENT', `${asked}: ${names}`, {hint: NAME_FORMS});
}

/** Whether `name` means this device, by any of its names. */
export function isCalled(info: DeviceInfo, name: string): boolean {
  return namesOf(info).includes(name.toLowerCase());
}

/**
 * A device that was known before, by whatever name: the one of its name if that is in its place, else the only one in
 * its place, else the only one of its GUID; undefined when none is.
 */
export function foundAgain(devices: readonly DeviceInfo[], known: DeviceInfo): DeviceInfo | undefined {
  const place = ({pciAddress, auxiliaryDevice}: DeviceInfo): string | undefined => pciAddress ?? auxiliaryDevice;
  const there = devices.filter((info) => place(info) !== undefined && place(info) === place(known));
  const same = devices.filter(({nodeGuid}) => nodeGuid === known.nodeGuid);
  const named = devices.find(({name}) => name === known.name);
  if (named && (there.includes(named) || same.includes(named))) return named;
  if (there.length === 1) return there[0];
  return same.length === 1 ? same[0] : undefined;
}

function namesOf(info: DeviceInfo): string[] {
  const digits = info.nodeGuid.replaceAll(':', '');
  const pci =
    info.pciAddress === undefined ? [] : [info.pciAddress, info.pciAddress.slice(info.pciAddress.indexOf(':') + 1)];
  const auxiliary = info.auxiliaryDevice === undefined ? [] : [info.auxiliaryDevice];
  return [info.name.toLowerCase(), ...pci, ...auxiliary, info.nodeGuid, digits, `0x${digits}`];
}
