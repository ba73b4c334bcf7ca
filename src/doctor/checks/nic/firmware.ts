/** The firmware of each NIC against the lowest that DPDK's driver for AES-XTS with wrapped keys asks for. */
import {type Check, type Finding, found, well} from '../../check.js';

/**
 * By model: release and build, after the number of the family. From DPDK's guide of its driver crypto/mlx5, under
 * "Prerequisites"; ConnectX-8 is not there: its figure is what DPDK 25.03 was tested with. Which firmware of a model
 * was the first with crypto, no public source that we have read tells.
 */
const LOWEST: Readonly<Record<string, readonly [release: number, build: number]>> = {
  'ConnectX-6': [31, 328],
  'ConnectX-6 Dx': [32, 108],
  'BlueField-2': [32, 108],
  'ConnectX-7': [36, 0],
  'BlueField-3': [36, 0],
  'ConnectX-8': [44, 1036],
};

export const firmware: Check = {
  name: 'firmware',
  verdicts: {
    'firmware-old': {
      level: 'fix',
      text: 'the firmware is older than the lowest that is known to do AES-XTS on this model',
      fix: 'update it: mlxfwmanager, or mstflint with the image of the board',
      basis: {seen: "DPDK's guide of crypto/mlx5: what it asks for, and of ConnectX-8 what it was tested with"},
    },
    'firmware-unknown': {
      level: 'note',
      text: 'the version of the firmware, or the lowest for this model, is not known to dek',
      fix: 'compare it by hand: ibv_devinfo, fw_ver',
    },
  },
  async look(scene) {
    return (await scene.nics()).map(({info: {name, model, firmware: version}}): Finding => {
      const lowest = model === undefined ? undefined : LOWEST[model];
      const [, release, build] = /^\d+\.(\d+)\.(\d+)$/.exec(version ?? '') ?? [];
      const seen = `firmware ${version ?? 'of unknown version'}, ${model ?? 'model unknown'}`;
      if (lowest === undefined || release === undefined) return found('firmware-unknown', seen, name);
      const isOld = Number(release) < lowest[0] || (Number(release) === lowest[0] && Number(build) < lowest[1]);
      return isOld ? found('firmware-old', `${seen}; lowest: ${versionText(lowest)}`, name) : well(seen, name);
    });
  },
};

/** `xx.31.0328`, as firmware is named. */
function versionText([release, build]: readonly [release: number, build: number]): string {
  return `xx.${release}.${String(build).padStart(4, '0')}`;
}
