import {DekCommand} from '../../cli/base.js';
import {deviceArg, keyFlags, withKey, withPort} from '../../cli/rpmb.js';
import {getCapacity, getWriteCount, type WriteCount} from '../../rpmb/operations.js';
import {RESULTS, refusal} from '../../rpmb/results.js';

interface RpmbInfoResult {
  device: string;
  /** Its size. */
  bytes: number;
  /** Of 256 bytes. */
  blocks: number;
  hasKey: boolean;
  /** Whether its answer was signed with --key; without one anybody may have given it. */
  isAuthentic: boolean;
  /** Writes since the key was programmed; null without a key. */
  writes: number | null;
  /** The write counter has reached its end: nothing can be written any more. */
  expired: boolean;
}

export default class RpmbInfo extends DekCommand {
  static override summary = 'show the size of an RPMB, whether it has a key, and its write counter';
  static override description =
    'Asks the replay-protected memory block (RPMB) of an eMMC for its write counter, and changes nothing. Without ' +
    '--key the answer is what the memory, or something in its place, says; with --key it has to be signed with that ' +
    'key, else the status is 6, or 7 when it says that it has none.';
  static override usage = 'DEVICE [--key SOURCE [--key-format FORMAT]] [--json]';
  static override examples = ['dek rpmb info /dev/mmcblk0rpmb', 'dek rpmb info /dev/mmcblk0rpmb --key cred:rpmb-key'];
  static override args = {device: deviceArg};
  static override flags = keyFlags;

  async run(): Promise<RpmbInfoResult> {
    const {args, flags} = await this.parse(RpmbInfo);
    return withPort(args.device, async (port) => {
      const ask = (key?: Uint8Array): WriteCount => getWriteCount(port, key);
      const {count, isExpired, isAuthentic} = await (flags.key === undefined ? ask() : withKey(flags, ask));
      if (flags.key !== undefined && count === null) throw refusal(port.name, 'the check of the key', RESULTS.noKey);
      const bytes = getCapacity(port);
      this.log(`size:     ${bytes} bytes, ${port.blocks} blocks`);
      this.log(`key:      ${keyText(count, isAuthentic)}`);
      if (count !== null) this.log(`writes:   ${count}${isExpired ? ', which is the end: it can only be read' : ''}`);
      const {name: device, blocks} = port;
      return {device, bytes, blocks, hasKey: count !== null, isAuthentic, writes: count, expired: isExpired};
    });
  }
}

function keyText(count: number | null, isAuthentic: boolean): string {
  if (count === null) return 'none, it says';
  return isAuthentic ? 'this one' : 'programmed, it says';
}
