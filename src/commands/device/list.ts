import {DekCommand} from '../../cli/base.js';
import {screen} from '../../cli/output/screen.js';
import {tableLines} from '../../cli/output/table.js';
import {listDevices} from '../../nics.js';
import type {DeviceInfo} from '../../rdma/index.js';

export default class DeviceList extends DekCommand {
  static override summary = 'list the RDMA devices of this host';
  static override description =
    'Names such as mlx5_0 may change between boots; the PCI address and the node GUID do not, and --device takes ' +
    'any of the three. On a host without RDMA devices the list is empty, which is not an error.';
  static override examples = ['dek device list', 'dek device list --json'];

  async run(): Promise<DeviceInfo[]> {
    await this.parse(DeviceList);
    const devices = listDevices();
    if (devices.length === 0)
      this.note('no RDMA device on this host; to try dek without a NIC: dek virtual create nic');
    else for (const line of tableLines(HEADING, devices.map(row), {on: screen(), least: LEAST})) this.log(line);
    return devices;
  }
}

const HEADING = ['NAME', 'MODEL', 'PCI ADDRESS', 'NODE GUID', 'FIRMWARE'];
const LEAST = ['FIRMWARE', 'NODE GUID', 'MODEL'];

function row({name, model, mlx5, pciAddress, nodeGuid, firmware}: DeviceInfo): string[] {
  return [name, mlx5 ? (model ?? 'mlx5') : 'not mlx5', pciAddress ?? '-', nodeGuid, firmware ?? '-'];
}
