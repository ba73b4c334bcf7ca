/**
 * Where things stand in the NVRAM image of a virtual ConnectX and in the file of a context: byte offsets, all numbers
 * little-endian. The layouts are described by shim/image.h and shim/context.h, and a test compares these offsets with
 * what the C compiler says.
 */

export const IMAGE_MAGIC = 'mlx5vnic';
export const IMAGE_VERSION = 6;

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
  root_key: 40,
  service_us: 72,
  policy: 88,
  tweak: 89,
  port_down: 90,
  no_gid: 91,
  no_loopback: 92,
  devx_registers: 93,
  contrary: 94,
  next_object: 96,
  slots_used: 100,
  next_qpn: 104,
  next_mkey: 108,
  next_psv: 112,
  era: 116,
  next_serial: 120,
  contexts_made: 128,
  pds_made: 136,
  logins_made: 144,
  deks_made: 152,
  commands: 160,
  refused: 168,
  work_requests: 176,
  bytes_encrypted: 184,
  bytes_decrypted: 192,
  firmware_free: 200,
  no_crypto_objects: 208,
  lane_free: 264,
  kek: 776,
  credential: 4872,
  fault: 8968,
  dek_error: 9480,
  slot: 9992,
} as const;

/** `struct key`: an import KEK or a credential. */
export const KEY = {id: 0, generation: 4, valid: 8, bytes: 9, role: 10, secret: 16, owner: 56, size: 64} as const;

/** `struct fault`. */
export const FAULT = {active: 0, status: 1, opcode: 2, type: 4, syndrome: 8, left: 12, hits: 16, size: 32} as const;

/** `struct dek_error`. */
export const DEK_ERROR = {active: 0, by: 1, id: 4, before: 8, opaque: 16, hits: 24, size: 32} as const;

/** `struct slot`: an open context. */
export const SLOT = {serial: 0, used: 8, era: 12, deks: 16, size: 32} as const;

/** Bytes of the whole image. */
export const IMAGE_BYTES = IMAGE.slot + SLOTS * SLOT.size;

export const CONTEXT_MAGIC = 'mlx5vctx';
/** Where in the file of a context `struct shared` is, and the first `struct object`. */
export const CONTEXT_HEADER = 65536;
export const CONTEXT_RECORDS = 131072;
export const OBJECTS = 1048576;

/** `struct shared`. */
export const CONTEXT = {magic: 0, device: 8, slot: 12, serial: 16, era: 24, count: 28, size: 64} as const;

/** `struct object`. */
export const OBJECT = {kind: 0, id: 4, serial: 8, size: 128} as const;

/** `enum kind`, by what is counted of them: FREE, PD, UAR, LOGIN, DEK, CQ, QP, MR, MKEY, PSV, SRQ. */
export const KINDS = [null, 'pds', null, 'logins', 'deks', 'cqs', 'qps', 'mrs', 'mkeys', null, null] as const;
