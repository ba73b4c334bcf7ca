import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {deliver, outputFlags} from '../../cli/output/output.js';
import {addressFlag, deviceArg, framesFlag, keyFlags, passFile, withKey, withPort} from '../../cli/rpmb.js';
import {MAX_BLOCKS, readBlocks} from '../../rpmb/operations.js';

interface RpmbReadResult {
  device: string;
  /** null: as the frames say. */
  address: number | null;
  blocks: number;
  output: string | null;
  /** In base64, unless it went to `output`: what was read; with --frames the answers. */
  data?: string;
}

export default class RpmbRead extends DekCommand {
  static override summary = 'read blocks of an RPMB';
  static override description =
    'Reads blocks of the replay-protected memory block (RPMB) of an eMMC. Nothing comes out unless the answer is ' +
    'signed with this key and belongs to this very question; else the status is 6. With --frames the key, and the ' +
    'check of the answers, are elsewhere, as in a TEE: requests to read, or for the write counter, of 512 bytes ' +
    'each, are passed one by one, and the answers written out as they came.';
  static override usage = [
    'DEVICE --key SOURCE [--key-format FORMAT] [--address N] [--blocks N] [--output FILE [--force]] ' +
      '[--format FORMAT] [--json]',
    'DEVICE --frames FILE [--blocks N] [--output FILE [--force]] [--format FORMAT] [--json]',
  ];
  static override examples = [
    'dek rpmb read /dev/mmcblk0rpmb --key cred:rpmb-key --address 2 --output block-2',
    {
      description: 'For a TEE, which has the key',
      command: 'dek rpmb read /dev/mmcblk0rpmb --frames request --output answer',
    },
  ];
  static override args = {device: deviceArg};
  static override flags = {
    ...keyFlags,
    address: addressFlag,
    blocks: Flags.integer({
      helpValue: 'N',
      min: 1,
      max: 65_536,
      description: `how many blocks (default: 1); with --frames for each request, ${MAX_BLOCKS} at most`,
    }),
    frames: framesFlag('requests to read, or for the write counter'),
    ...outputFlags,
  };

  async run(): Promise<RpmbReadResult> {
    const {args, flags} = await this.parse(RpmbRead);
    const {address = 0, blocks = 1, frames, output = null} = flags;
    return withPort(args.device, async (port) => {
      const give = async (data: Uint8Array): Promise<RpmbReadResult> => {
        await deliver(data, flags, this.jsonEnabled());
        const result = {device: port.name, address: frames === undefined ? address : null, blocks, output};
        return output === null ? {...result, data: Buffer.from(data).toString('base64')} : result;
      };
      if (frames !== undefined) return passFile(port, frames, {way: 'read', blocks}, give);
      return withKey(flags, (key) => give(readBlocks(port, key, address, blocks)));
    });
  }
}
