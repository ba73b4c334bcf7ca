import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {deliver, outputFlags} from '../../cli/output/output.js';
import {addressFlag, deviceArg, framesFlag, keyFlags, passFile, readBytes, withKey, withPort} from '../../cli/rpmb.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {DekError} from '../../errors.js';
import {BLOCK_BYTES} from '../../rpmb/frame.js';
import {writeBlocks} from '../../rpmb/operations.js';

interface RpmbWriteResult {
  device: string;
  /** null: as the frames say. */
  address: number | null;
  /** How many were written; null: as the frames say. */
  blocks: number | null;
  /** The write counter afterwards; null: with --frames, the answers have it. */
  writes: number | null;
  output: string | null;
  /** With --frames: the answers in base64, unless they went to `output`. */
  answers?: string;
}

export default class RpmbWrite extends DekCommand {
  static override summary = 'write blocks of an RPMB';
  static override description =
    'Writes FILE, a multiple of 256 bytes, into the replay-protected memory block (RPMB) of an eMMC, block by block: ' +
    'one that is refused leaves those before it written. Each is done only when an answer says so that is signed ' +
    'with this key and has the next write counter. With --frames the key is elsewhere, as in a TEE: requests to ' +
    'write, of 512 bytes each, are passed unchanged up to the first that is refused, and the answers written out.';
  static override usage = [
    'DEVICE FILE --key SOURCE [--key-format FORMAT] [--address N] [--json]',
    'DEVICE --frames FILE [--output FILE [--force]] [--format FORMAT] [--json]',
  ];
  static override examples = [
    'dek rpmb write /dev/mmcblk0rpmb block --key cred:rpmb-key --address 2',
    {
      description: 'For a TEE, which has the key',
      command: 'dek rpmb write /dev/mmcblk0rpmb --frames requests --output answers',
    },
  ];
  static override args = {
    device: deviceArg,
    file: Args.string({ignoreStdin: true, description: 'data to write: a file, or - for stdin'}),
  };
  static override flags = {
    ...keyFlags,
    address: addressFlag,
    frames: framesFlag('requests to write'),
    ...outputFlags,
  };

  async run(): Promise<RpmbWriteResult> {
    const {args, flags} = await this.parse(RpmbWrite);
    const {address = 0, frames, output = null} = flags;
    if ((args.file === undefined) === (frames === undefined)) {
      throw new DekError('BAD_ARGUMENT', 'give either FILE or --frames', {
        hint: 'dek rpmb write DEVICE FILE --key SOURCE, or dek rpmb write DEVICE --frames FILE',
      });
    }
    if (output !== null && frames === undefined)
      throw new DekError('BAD_ARGUMENT', '--output goes with --frames', {
        hint: 'leave out --output: a write with --key has no answer to keep',
      });
    assertDistinctStreams(args.file, flags.key);
    return withPort(args.device, async (port): Promise<RpmbWriteResult> => {
      const common = {device: port.name, output};
      if (frames !== undefined) {
        return passFile(port, frames, {way: 'write'}, async (answers) => {
          await deliver(answers, flags, this.jsonEnabled());
          const result = {...common, address: null, blocks: null, writes: null};
          return output === null ? {...result, answers: Buffer.from(answers).toString('base64')} : result;
        });
      }
      const data = await readBytes(args.file!, BLOCK_BYTES, port.blocks);
      return withKey(flags, (key) => {
        const writes = writeBlocks(port, key, address, data);
        const blocks = data.length / BLOCK_BYTES;
        this.note(`wrote ${blocks} ${blocks === 1 ? 'block' : 'blocks'} from ${address} on; write counter ${writes}`);
        return {...common, address, blocks, writes};
      });
    });
  }
}
