/**
 * The physical limit of AES key wrap on one core: how many blocks `openssl speed` encrypts in AES-ECB, which has no
 * chain. It counts its own user CPU time and encrypts one buffer again and again, so nothing is read, carried or
 * written.
 */
import {execFile} from 'node:child_process';
import {promisify} from 'node:util';

const BLOCK_BYTES = 16;
/** Buffer sizes from which the fastest is taken. */
const BUFFERS = [1, 4, 8, 16, 64, 256, 1024].map((kib) => kib * 1024);

export type KekBits = 128 | 256;

/** Tries all buffer sizes for a second each, and returns the one at which a KEK of this size encrypts most. */
export async function peakBuffer(kekBits: KekBits): Promise<number> {
  let peak = {bytes: 0, blocks: 0};
  for (const bytes of BUFFERS) {
    const blocks = await ecbBlocks(kekBits, bytes);
    if (blocks > peak.blocks) peak = {bytes, blocks};
  }
  return peak.bytes;
}

/**
 * Blocks a second with buffers of `bytes`, measured for a second: of user CPU time, or with `processes` by the clock,
 * of all together.
 */
export async function ecbBlocks(kekBits: KekBits, bytes: number, processes?: number): Promise<number> {
  const many = processes === undefined ? [] : ['-elapsed', '-multi', `${processes}`];
  const args = ['speed', '-mr', ...many, '-seconds', '1', '-bytes', `${bytes}`, '-evp', `aes-${kekBits}-ecb`];
  const {stdout} = await promisify(execFile)('openssl', args);
  const speed = /^\+F:.*:([\d.]+)$/m.exec(stdout)?.[1];
  if (speed === undefined) throw new Error(`openssl speed answered: ${stdout}`);
  return Number(speed) / BLOCK_BYTES;
}
