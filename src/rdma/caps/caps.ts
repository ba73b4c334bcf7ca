/** What the crypto of a NIC can do: mlx5dv_query_device(3), struct mlx5dv_crypto_caps. */

import type {ImportMode} from '../../dek-layout.js';
import {C, MLX5DV_CONTEXT, MLX5DV_CONTEXT_ROOM, MLX5DV_CRYPTO_CAPS} from '../c-layout.js';
import type {ContextPtr, Library} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';

/** How the NIC takes DEKs; `none`: it has no AES-XTS engine; `unknown`: the library could not find out. */
export type NicImportMode = ImportMode | 'none' | 'unknown';

/** The crypto engines of a NIC: mlx5dv_query_device(3), crypto_engines. */
export type CryptoEngine = 'AES_XTS' | 'AES_XTS_SINGLE_BLOCK' | 'AES_XTS_MULTI_BLOCK';

/** What the crypto of a NIC can do. */
export interface Caps {
  readonly importMode: NicImportMode;
  /** In wrapped import mode: whether the crypto officer has made the NIC operational, so that it takes logins. */
  readonly operational: boolean;
  /** Whether it goes back to commissioning at its next reset. */
  readonly goingToCommissioning: boolean;
  /** Bit mask of failed self-tests; its meaning is NVIDIA's. Anything but 0 is bad. */
  readonly failedSelftests: number;
  readonly engines: readonly CryptoEngine[];
  /** The logarithm of `maxDeks` to base 2; 0 when unknown. */
  readonly logMaxDeks: number;
  /** DEKs that fit on the NIC, of all processes together; 0 when unknown. */
  readonly maxDeks: number;
}

const ENGINES: readonly (readonly [number, CryptoEngine])[] = [
  [C.MLX5DV_CRYPTO_ENGINES_CAP_AES_XTS, 'AES_XTS'],
  [C.MLX5DV_CRYPTO_ENGINES_CAP_AES_XTS_SINGLE_BLOCK, 'AES_XTS_SINGLE_BLOCK'],
  [C.MLX5DV_CRYPTO_ENGINES_CAP_AES_XTS_MULTI_BLOCK, 'AES_XTS_MULTI_BLOCK'],
];

/** Asks the library for the caps of an open device. */
export function readCaps(lib: Library, context: ContextPtr, device: string): Caps {
  const attrs = new Uint8Array(MLX5DV_CONTEXT_ROOM);
  const view = new DataView(attrs.buffer);
  view.setBigUint64(MLX5DV_CONTEXT.comp_mask, BigInt(C.MLX5DV_CONTEXT_MASK_CRYPTO_OFFLOAD), true);
  const errno = lib.mlx5dv_query_device(context, attrs);
  if (errno !== 0) throw callFailed('caps', errno, {device});
  // A library that does not know crypto caps leaves the bytes zero, which reads as unknown.
  return parseCaps(attrs.subarray(MLX5DV_CONTEXT.crypto_caps, MLX5DV_CONTEXT.crypto_caps + MLX5DV_CRYPTO_CAPS.size));
}

/** The caps in 12 bytes of struct mlx5dv_crypto_caps. */
export function parseCaps(struct: Uint8Array): Caps {
  const view = new DataView(struct.buffer, struct.byteOffset, struct.byteLength);
  const flags = view.getUint32(MLX5DV_CRYPTO_CAPS.flags, true);
  const engineBits = struct[MLX5DV_CRYPTO_CAPS.crypto_engines]!;
  const logMaxDeks = struct[MLX5DV_CRYPTO_CAPS.log_max_num_deks]!;
  return {
    importMode: importMode(struct, flags, engineBits, logMaxDeks),
    operational: (flags & C.MLX5DV_CRYPTO_CAPS_WRAPPED_CRYPTO_OPERATIONAL) !== 0,
    goingToCommissioning: (flags & C.MLX5DV_CRYPTO_CAPS_WRAPPED_CRYPTO_GOING_TO_COMMISSIONING) !== 0,
    failedSelftests: view.getUint16(MLX5DV_CRYPTO_CAPS.failed_selftests, true),
    engines: ENGINES.filter(([bit]) => (engineBits & bit) !== 0).map(([, name]) => name),
    logMaxDeks,
    maxDeks: logMaxDeks === 0 ? 0 : 2 ** logMaxDeks,
  };
}

/**
 * The library reads the caps in two firmware commands, keeps zeros when one of them fails, and says nothing. So zeros
 * are not taken for plaintext: that would send a key in the clear to find out.
 */
function importMode(struct: Uint8Array, flags: number, engineBits: number, logMaxDeks: number): NicImportMode {
  if (struct.every((byte) => byte === 0)) return 'unknown';
  if ((flags & C.MLX5DV_CRYPTO_CAPS_CRYPTO) === 0 || engineBits === 0) return 'none';
  const method = struct[MLX5DV_CRYPTO_CAPS.wrapped_import_method]!;
  if ((method & C.MLX5DV_CRYPTO_WRAPPED_IMPORT_METHOD_CAP_AES_XTS) !== 0) return 'wrapped';
  return logMaxDeks === 0 ? 'unknown' : 'plaintext';
}
