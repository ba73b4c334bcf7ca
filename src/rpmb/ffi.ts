/** MMC_IOC_MULTI_CMD of linux/mmc/ioctl.h by Koffi: several commands to a card, with none of others between them. */
import {getSystemErrorName} from 'node:util';
import {loadKoffi} from '../koffi.js';

/** _IOWR(MMC_BLOCK_MAJOR, 1, struct mmc_ioc_multi_cmd). */
const MMC_IOC_MULTI_CMD = 0xc008b301n;
/**
 * struct mmc_ioc_cmd: write_flag 0 (int), opcode 8, flags 32, blksz 36, blocks 40, data_ptr 64 (64 bits); the rest is
 * zero: no application command, no argument, the kernel's own times.
 */
const COMMAND = {bytes: 72, writeFlag: 0, opcode: 8, flags: 32, blockBytes: 36, blocks: 40, data: 64} as const;
/** Before the commands: how many there are (64 bits). */
const HEAD_BYTES = 8;
const BLOCK_BYTES = 512;

const READ_MULTIPLE_BLOCK = 18;
const WRITE_MULTIPLE_BLOCK = 25;
const WRITES = 1;
/** MMC_CMD23_ARG_REL_WR, in the write flag: a reliable write, which what changes the memory has to be. */
const RELIABLE = 0x8000_0000;
/** MMC_RSP_SPI_R1 | MMC_RSP_R1 | MMC_CMD_ADTC. */
const FLAGS = 0xb5;

/** Frames to or from the card, whole blocks of 512 bytes. */
export interface CardCommand {
  readonly bytes: Uint8Array;
  readonly way: 'read' | 'write' | 'reliable write';
}

let ioctl: ((fd: number, request: bigint, argument: Uint8Array) => number) | undefined;

/** Runs the commands; what they read is in their bytes then. Throws an Error with the errno as its `code`. */
export function runCommands(fd: number, commands: readonly CardCommand[]): void {
  const koffi = loadKoffi();
  ioctl ??= koffi.load(null).func('int ioctl(int fd, unsigned long request, void *argument)');
  const buffer = Buffer.from(new ArrayBuffer(HEAD_BYTES + commands.length * COMMAND.bytes));
  buffer.writeBigUInt64LE(BigInt(commands.length));
  for (const [i, {bytes, way}] of commands.entries()) {
    const at = HEAD_BYTES + i * COMMAND.bytes;
    const flag = way === 'read' ? 0 : way === 'write' ? WRITES : WRITES + RELIABLE;
    buffer.writeUInt32LE(flag, at + COMMAND.writeFlag);
    buffer.writeUInt32LE(way === 'read' ? READ_MULTIPLE_BLOCK : WRITE_MULTIPLE_BLOCK, at + COMMAND.opcode);
    buffer.writeUInt32LE(FLAGS, at + COMMAND.flags);
    buffer.writeUInt32LE(BLOCK_BYTES, at + COMMAND.blockBytes);
    buffer.writeUInt32LE(bytes.length / BLOCK_BYTES, at + COMMAND.blocks);
    // `commands` is in use until the call is done, so that V8 keeps what these addresses lead to.
    buffer.writeBigUInt64LE(koffi.address(bytes), at + COMMAND.data);
  }
  const result = ioctl(fd, MMC_IOC_MULTI_CMD, buffer);
  const errno = result < 0 ? koffi.errno() : 0;
  if (commands.length === 0 || errno === 0) return;
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`MMC_IOC_MULTI_CMD: ${code}`), {code});
}
