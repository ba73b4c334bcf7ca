/**
 * The functions of a card: each port, and each other function of it that this host sees, has a state, KEKs and
 * credentials of its own. They have one system image GUID. What another host sees (the ARM side of a BlueField, the
 * guests of virtual machines) is not among them.
 */
import {listDevices} from '../nics.js';
import type {DeviceInfo} from '../rdma/index.js';
import {selectDevice} from '../rdma/list.js';
import {attributeOf} from './sysfs.js';

/** The mlx5 NICs of this host. */
export function mlx5Devices(): DeviceInfo[] {
  return listDevices().filter(({mlx5}) => mlx5);
}

/** The function that `name` means; the only one without a name. Throws NO_DEVICE, BAD_ARGUMENT. */
export function functionNamed(name: string | undefined): DeviceInfo {
  return selectDevice(
    mlx5Devices().map((info) => ({info})),
    name,
  ).info;
}

/** All functions of the card that `name` is one of; of the only card without a name. Throws as `functionNamed`. */
export function functionsOfCard(name: string | undefined): DeviceInfo[] {
  const devices = mlx5Devices();
  const [first] = devices;
  const isOneCard = first !== undefined && devices.every((info) => cardOf(info) === cardOf(first));
  const one = name === undefined && isOneCard ? first : functionNamed(name);
  return devices.filter((info) => cardOf(info) === cardOf(one));
}

/** Its system image GUID; where there is none, each function is a card. */
function cardOf({name, nodeGuid}: DeviceInfo): string {
  return attributeOf(name, 'sys_image_guid') ?? nodeGuid;
}
