import * as Flags from '@oclif/core/flags';
import {askYes} from '../../cli/ask.js';
import {DekCommand} from '../../cli/base.js';
import {deviceArg, keyFlags, withKey, withPort} from '../../cli/rpmb.js';
import {assertNoKey, programKey} from '../../rpmb/operations.js';

interface RpmbProgramResult {
  device: string;
}

export default class RpmbProgram extends DekCommand {
  static override summary = 'program the key of an RPMB, once and for ever';
  static override description =
    'Programs the key of the replay-protected memory block (RPMB) of an eMMC. That can be done once in its life, and ' +
    'never be taken back: who loses the key has lost the memory. So it asks at the terminal first, and refuses with ' +
    'status 5 unless the memory says that it has no key. On a BlueField, and on other boards whose firmware or TEE ' +
    'has an eMMC for itself, that firmware may be the owner of this key, or become it at its next start: ask the ' +
    'vendor before. The key crosses the bus to the eMMC in plaintext, this once.';
  static override usage = 'DEVICE --key SOURCE [--key-format FORMAT] [--yes] [--json]';
  static override examples = ['dek rpmb program /dev/mmcblk0rpmb --key keyring:user:rpmb-key'];
  static override args = {device: deviceArg};
  static override flags = {
    ...keyFlags,
    yes: Flags.boolean({description: 'do not ask at the terminal'}),
  };

  async run(): Promise<RpmbProgramResult> {
    const {args, flags} = await this.parse(RpmbProgram);
    return withPort(args.device, (port) =>
      withKey(flags, (key) => {
        assertNoKey(port);
        if (!flags.yes) {
          askYes(
            `${port.name} will have this key for ever. Where the firmware of the board uses this eMMC (BlueField), ` +
              'the key may be meant to be its own.',
          );
        }
        programKey(port, key);
        this.note(`${port.name} has this key now`);
        return {device: port.name};
      }),
    );
  }
}
