/**
 * Which way round libmlx5 hands the tweak to a NIC. The multi-block engine wants it big-endian; a libmlx5 before
 * rdma-core 44 does not know that engine, and hands over what it is given. All data that a service encrypts by such a
 * library on such a NIC has another tweak than everywhere else, and nothing in between mends that.
 */
import {libraryVersion} from '../ffi.js';

/** The first release whose libmlx5 turns the tweak over. */
const SINCE = 44;

/** The release of rdma-core that is loaded, if it is too old for that; else undefined, and where it is not known. */
export function releaseWithOldTweak(): string | undefined {
  const version = libraryVersion();
  return Number.parseInt(version ?? '', 10) < SINCE ? version : undefined;
}
