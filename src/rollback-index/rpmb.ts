/**
 * `rpmb:/dev/mmcblkNrpmb?key=SOURCE[&address=N]`: an index in a block of an eMMC's replay-protected memory, which no
 * image of the disk sets back, nor anybody without the key. Block N (0 unless it is said) has "dek-rollback-1" and two
 * zeros, the record, and zeros; one of zeros alone has no index yet.
 *
 * A command to an eMMC is ended by the kernel when the card does not answer, so that no limit is kept here but that of
 * the key's source.
 */
import {equalBytes, wipe} from '../bytes.js';
import {readSecret} from '../custody/source.js';
import type {Limit} from '../deadline.js';
import {DekError} from '../errors.js';
import {BLOCK_BYTES, KEY_BYTES} from '../rpmb/frame.js';
import {openMmc} from '../rpmb/mmc.js';
import {readBlocks, writeBlocks} from '../rpmb/operations.js';
import type {RpmbPort} from '../rpmb/port.js';
import {RECORD_BYTES} from './record.js';
import type {Store} from './store.js';

const MARK = new Uint8Array(Buffer.from('dek-rollback-1\0\0', 'latin1'));

/** Where it is, and how to get at it. */
export interface RpmbPlace {
  readonly name: string;
  readonly address: number;
  readonly open: () => RpmbPort;
  /** The caller wipes it. */
  readonly key: (limit: Limit) => Promise<Uint8Array>;
}

export function storeOf(rest: string): Store {
  const [, path, key, address = '0'] = /^([^?]+)\?key=([^&]+)(?:&address=(\d{1,5}))?$/.exec(rest) ?? [];
  if (path === undefined || key === undefined) {
    throw new DekError('BAD_ARGUMENT', 'a rollback index in an RPMB is rpmb:/dev/mmcblkNrpmb?key=SOURCE[&address=N]', {
      hint: 'SOURCE is that of the key of the RPMB, such as cred:rpmb-key, and N a block that nothing else uses',
    });
  }
  return rpmbStore({
    name: `rpmb:${path}`,
    address: Number(address),
    open: () => openMmc(path),
    key: (limit) => readSecret(key, [KEY_BYTES], 'rpmb key', undefined, limit),
  });
}

export function rpmbStore({name, address, open, key: readKey}: RpmbPlace): Store {
  const use = async <T>(limit: Limit, work: (port: RpmbPort, key: Uint8Array) => T): Promise<T> => {
    const key = await readKey(limit);
    try {
      const port = open();
      try {
        return work(port, key);
      } finally {
        port.close();
      }
    } finally {
      wipe(key);
    }
  };
  const read = (port: RpmbPort, key: Uint8Array) =>
    recordIn(readBlocks(port, key, address, 1), `${name}, block ${address},`);
  return {
    name,
    read: (limit) => use(limit, read),
    // One block is one write: the memory has the old one or the new one.
    write: (record, limit) =>
      use(limit, (port, key) => {
        read(port, key); // what something else has there stays
        writeBlocks(port, key, address, blockOf(record));
      }),
  };
}

function blockOf(record: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(MARK);
  block.set(record, MARK.length);
  return block;
}

/** Null for a block that nothing was ever written to. Throws UNSUPPORTED for one that something else uses. */
function recordIn(block: Uint8Array, name: string): Uint8Array | null {
  if (block.every((byte) => byte === 0)) return null;
  const record = block.slice(MARK.length, MARK.length + RECORD_BYTES);
  if (equalBytes(block, blockOf(record))) return record;
  throw new DekError('UNSUPPORTED', `${name} is used by something else`, {hint: 'name another one: &address=N'});
}
