/**
 * Where things stand in the NVRAM image of a virtual ConnectX: byte offsets, all numbers little-endian. The layout is
 * described by `struct image` in shim/image.h, and a test compares these offsets with what the C compiler says.
 */

export const IMAGE_MAGIC = 'mlx5vnic';
export const IMAGE_VERSION = 1;

/** How many of each an image has room for. */
export const KEYS = 64;
export const RULES = 16;
export const LANES = 64;
export const SLOTS = 1024;
/** A fault's `left` when it never ends. */
export const ALWAYS = 0xffffffff;

/** `struct image`. */
export const IMAGE = {
  magic: 0,
  version: 8,
  bytes: 12,
  wrapped_import: 16,
  state: 17,
  engines: 18,
  log_max_num_deks: 19,
  gone: 20,
  parallel: 21,
  failed_selftests: 22,
  latency_us: 24,
  open_errno: 28,
  guid: 32,
  next_object: 40,
  slots_used: 44,
  contexts_made: 48,
  pds_made: 56,
  logins_made: 64,
  deks_made: 72,
  commands: 80,
  refused: 88,
  era: 96,
  lane_free: 128,
  kek: 640,
  credential: 4736,
  fault: 8832,
  dek_error: 9344,
  slot: 9856,
} as const;

/** `struct key`: an import KEK or a credential. */
export const KEY = {id: 0, generation: 4, valid: 8, bytes: 9, secret: 16, size: 64} as const;

/** `struct fault`. */
export const FAULT = {active: 0, status: 1, opcode: 2, type: 4, syndrome: 8, left: 12, hits: 16, size: 32} as const;

/** `struct dek_error`. */
export const DEK_ERROR = {active: 0, by: 1, id: 4, before: 8, opaque: 16, hits: 24, size: 32} as const;

/** `struct slot`: an open context and what it holds. */
export const SLOT = {pid: 0, fd: 4, start: 8, pds: 16, logins: 20, deks: 24, era: 28, size: 32} as const;

/** Bytes of the whole image. */
export const IMAGE_BYTES = IMAGE.slot + SLOTS * SLOT.size;
