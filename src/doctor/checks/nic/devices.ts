/** RDMA devices and their nodes: whether the kernel has them, this process sees them, and may open them. */
import {DekError} from '../../../errors.js';
import type {DeviceInfo} from '../../../rdma/index.js';
import {type Check, type Finding, found, well} from '../../check.js';
import type {Scene} from '../../scene.js';

/** Errors that the check of the libraries tells of. */
const OF_LIBRARIES: ReadonlySet<string> = new Set(['NO_LIBRARY', 'OLD_LIBRARY', 'MIXED_LIBRARIES', 'UNSUPPORTED']);
/** NVIDIA's networking, by PCI vendor. */
const VENDOR = '0x15b3';
/** Modules in the order in which one needs the other. */
const MODULES = [
  ['mlx5_core', 'no-mlx5-core'],
  ['mlx5_ib', 'no-mlx5-ib'],
  ['ib_uverbs', 'no-uverbs'],
] as const;

export const devices: Check = {
  name: 'devices',
  verdicts: {
    'no-nic': {
      level: 'fix',
      text: 'this host has no NIC of NVIDIA',
      fix: 'look with lspci -d 15b3:, in a virtual machine whether one is passed through; or: dek virtual create nic',
    },
    'no-sysfs': {
      level: 'fix',
      text: 'this process does not see /sys: a container without sysfs',
      fix: 'mount sysfs into the container (docker run -v /sys:/sys:ro)',
    },
    'no-mlx5-core': {level: 'fix', text: 'the kernel module mlx5_core is not loaded', fix: 'modprobe mlx5_core'},
    'no-mlx5-ib': {level: 'fix', text: 'the kernel module mlx5_ib is not loaded', fix: 'modprobe mlx5_ib'},
    'no-uverbs': {level: 'fix', text: 'the kernel module ib_uverbs is not loaded', fix: 'modprobe ib_uverbs'},
    'nic-hidden': {
      level: 'fix',
      text: 'the kernel has a NIC and its modules, and libibverbs finds no device',
      fix:
        'look whether the RDMA device is in another network namespace (rdma system show; rdma dev set NAME netns), ' +
        'and whether ibverbs-providers is installed',
    },
    'not-listed': {
      level: 'fix',
      text: 'the devices of this host cannot be listed',
      fix: 'see what the error says; ibv_devices lists them as well',
    },
    'no-such-device': {
      level: 'fix',
      text: 'no device has the name that was asked for',
      fix: 'dek device list shows names, PCI addresses and GUIDs',
    },
    'not-mlx5': {
      level: 'fix',
      text: 'no device is driven by mlx5: only ConnectX and BlueField have DEKs',
      fix: 'use a NIC of NVIDIA from ConnectX-6 on',
    },
    'no-node': {
      level: 'fix',
      text: 'the device has no node to open: a container without it, or no udev',
      fix: 'give the container the node (docker run --device=/dev/infiniband), or modprobe ib_uverbs',
    },
    'node-denied': {
      level: 'fix',
      text: 'this user may not open the node of the device',
      fix: 'rdma-core ships udev rules (mode 0666); in a container its device cgroup has to allow the node as well',
    },
    'no-devx': {
      level: 'fix',
      text: 'the driver gives no access to firmware objects (DEVX)',
      fix: 'the kernel needs CONFIG_INFINIBAND_USER_ACCESS and mlx5_ib with DEVX, and the firmware has to allow it',
    },
    'device-gone': {
      level: 'fix',
      text: 'the NIC does not answer',
      fix: 'look for mlx5_core in the kernel log; devlink dev reload, or a reset of the NIC',
    },
    'open-failed': {level: 'fix', text: 'the device cannot be opened', fix: 'see what the error says'},
  },
  async look(scene) {
    const listed = scene.devices();
    if (listed instanceof DekError) {
      return OF_LIBRARIES.has(listed.code) ? [] : [found('not-listed', listed.message)];
    }
    if (listed.length === 0) return [none(scene)];
    const nics = listed.filter(({mlx5}) => mlx5);
    if (nics.length === 0) return [found('not-mlx5', listed.map(({name}) => name).join(', '))];
    return Promise.all(nics.map((info) => opened(scene, info)));
  },
};

/** Why libibverbs has none. */
function none(scene: Scene): Finding {
  if (scene.options.device !== undefined) return found('no-such-device', scene.options.device);
  if (scene.names('/sys').length === 0) return found('no-sysfs', '/sys is empty');
  const pci = '/sys/bus/pci/devices';
  const cards = scene.names(pci).filter((address) => scene.text(`${pci}/${address}/vendor`)?.trim() === VENDOR);
  if (cards.length === 0) return found('no-nic', `no device of vendor 15b3 in ${pci}`);
  const loaded = new Set(scene.names('/sys/module'));
  const [module, verdict] = MODULES.find(([name]) => !loaded.has(name)) ?? [];
  const seen = `PCI ${cards.join(', ')}`;
  return verdict === undefined ? found('nic-hidden', seen) : found(verdict, `${seen}; no /sys/module/${module}`);
}

async function opened(scene: Scene, info: DeviceInfo): Promise<Finding> {
  const {name, node, model = 'a model that dek does not know'} = info;
  const device = await scene.open(name);
  if (!(device instanceof DekError)) return well(`${model}, ${node} opens`, name);
  return found(failure(device), device.message, name);
}

function failure({code, errno}: DekError): string {
  if (code === 'PERMISSION') return 'node-denied';
  if (code === 'DEVICE_GONE') return 'device-gone';
  if (errno === 'ENOENT') return 'no-node';
  return code === 'UNSUPPORTED' ? 'no-devx' : 'open-failed';
}
