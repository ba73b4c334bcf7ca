/** The firmware of each NIC against the lowest that has AES-XTS with wrapped keys. */
import {type Check, type Finding, found, well} from '../check.js';

/** By model: release and build, after the number of the family. From NVIDIA's notes of each firmware's first crypto. */
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
      text: 'the firmware is older than the first with AES-XTS for this model',
      fix: 'update it: mlxfwmanager, or mstflint with the image of the board',
      basis: {seen: "NVIDIA's release notes of firmware"},
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
      return isOld ? found('firmware-old', `${seen}; lowest: xx.${lowest.join('.')}`, name) : well(seen, name);
    });
  },
};
