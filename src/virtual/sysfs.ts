/**
 * The part of sysfs that libibverbs, libmlx5, ibv_devinfo and DPDK read, as plain files: $SYSFS_PATH names the
 * directory, $SYSFS_PCI_DEVICES its list of PCI devices, for DPDK. Left out: what only other tools read (counters, net
 * devices, VFs).
 */
import fs from 'node:fs';
import {join} from 'node:path';

/** Where in that directory the PCI devices are. */
export const PCI_DEVICES = join('bus', 'pci', 'devices');

/** The PCI address of device `index`: each is a function of one card. */
export function pciAddress(index: number): string {
  return `0000:3b:${(index >> 3).toString(16).padStart(2, '0')}.${index & 7}`;
}

/** Of all devices of a directory: they are functions of one card. */
const CARD_GUID = 0x506b4b0300c0ffeen;

/**
 * Writes the entries of device `index` (mlx5_N, uverbsN). `guid` is its node GUID. The device number is the one that
 * the kernel gives uverbsN, and that the shim's fstat answers: an import of a context finds the device by it.
 */
export function writeSysfs(directory: string, index: number, guid: bigint): void {
  const hex = guid.toString(16).padStart(16, '0');
  const quads = (text: string): string => text.match(/.{4}/g)!.join(':');
  const pci = join('devices', 'pci0000:3b', pciAddress(index));
  const files = {
    'class/infiniband_verbs/abi_version': '6',
    [`class/infiniband_verbs/uverbs${index}/ibdev`]: `mlx5_${index}`,
    [`class/infiniband_verbs/uverbs${index}/dev`]: `231:${192 + index}`,
    [`class/infiniband_verbs/uverbs${index}/abi_version`]: '1',
    [`class/infiniband/mlx5_${index}/node_type`]: '1: CA',
    [`class/infiniband/mlx5_${index}/node_guid`]: quads(hex),
    [`class/infiniband/mlx5_${index}/sys_image_guid`]: quads(CARD_GUID.toString(16)),
    [`class/infiniband/mlx5_${index}/node_desc`]: 'virtual ConnectX',
    [`class/infiniband/mlx5_${index}/fw_ver`]: '22.36.1010',
    [`class/infiniband/mlx5_${index}/hca_type`]: 'MT4125',
    [`class/infiniband/mlx5_${index}/board_id`]: 'VIRTUAL',
    [`class/infiniband/mlx5_${index}/ports/1/gids/0`]: `fe80:0000:0000:0000:${quads(hex)}`,
    [`class/infiniband/mlx5_${index}/ports/1/gid_attrs/types/0`]: 'RoCE v2',
    [`class/infiniband/mlx5_${index}/ports/1/pkeys/0`]: '0xffff',
    [`class/infiniband/mlx5_${index}/ports/1/link_layer`]: 'Ethernet',
    [`class/infiniband/mlx5_${index}/ports/1/state`]: '4: ACTIVE',
    [`${pci}/modalias`]: 'pci:v000015B3d0000101Dsv000015B3sd00000016bc02sc00i00',
    [`${pci}/vendor`]: '0x15b3',
    [`${pci}/device`]: '0x101d',
    [`${pci}/subsystem_vendor`]: '0x15b3',
    [`${pci}/subsystem_device`]: '0x0016',
    [`${pci}/class`]: '0x020000',
    [`${pci}/numa_node`]: '-1',
    [`${pci}/max_vfs`]: '0',
    // The six base address registers, none of which is one: nothing is to be mapped.
    [`${pci}/resource`]: Array.from({length: 6}, () => '0x0000000000000000 '.repeat(3).trim()).join('\n'),
    [`${pci}/uevent`]: `DRIVER=mlx5_core\nPCI_ID=15B3:101D\nPCI_SLOT_NAME=${pciAddress(index)}`,
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    fs.mkdirSync(join(path, '..'), {recursive: true, mode: 0o700});
    fs.writeFileSync(path, `${text}\n`);
  }
  fs.symlinkSync(join('..', '..', '..', pci), join(directory, `class/infiniband/mlx5_${index}/device`));
  for (const folder of [PCI_DEVICES, join('bus', 'pci', 'drivers', 'mlx5_core')]) {
    fs.mkdirSync(join(directory, folder), {recursive: true, mode: 0o700});
  }
  setFwctl(directory, index, true);
  // DPDK passes over a device that has no driver.
  fs.symlinkSync(join('..', '..', '..', 'bus', 'pci', 'drivers', 'mlx5_core'), join(directory, pci, 'driver'));
  fs.symlinkSync(join('..', '..', '..', pci), join(directory, PCI_DEVICES, pciAddress(index)));
}

/** Whether the kernel has fwctl for device `index`: without this entry opening /dev/fwctl/fwctlN fails. */
export function hasFwctl(directory: string, index: number): boolean {
  return fs.existsSync(fwctlEntry(directory, index));
}

/** Lets the kernel have it, or not. */
export function setFwctl(directory: string, index: number, there: boolean): void {
  const entry = fwctlEntry(directory, index);
  fs.rmSync(entry, {recursive: true, force: true});
  if (!there) return;
  fs.mkdirSync(entry, {recursive: true, mode: 0o700});
  fs.writeFileSync(join(entry, 'dev'), `511:${index}\n`);
  fs.symlinkSync(join('..', '..', '..', 'devices', 'pci0000:3b', pciAddress(index)), join(entry, 'device'));
}

function fwctlEntry(directory: string, index: number): string {
  return join(directory, 'class', 'fwctl', `fwctl${index}`);
}
