/**
 * The C structures that cross the border to libibverbs and libmlx5: size in bytes, and the offsets of members.
 * From <infiniband/verbs.h> and <infiniband/mlx5dv.h> on 64-bit Linux; a test compares them with gcc's offsetof.
 * Left out: members that are only ever zero, or never read.
 */

/** struct ibv_device; the strings end with NUL. */
export const IBV_DEVICE = {size: 664, name: 24, dev_name: 88, ibdev_path: 408} as const;

/**
 * struct mlx5dv_context_attr. It grew as well, to 24 bytes in rdma-core 57: the library may read as many as it knows
 * of, so that it gets more room, of zeros.
 */
export const MLX5DV_CONTEXT_ATTR = {size: 16, flags: 0, comp_mask: 8} as const;
export const MLX5DV_CONTEXT_ATTR_ROOM = 128;

/**
 * struct mlx5dv_context. It grew from release to release (`size` is rdma-core 44's), so that more room is given to the
 * library than any release needs; the library fills only what comp_mask asks for.
 */
export const MLX5DV_CONTEXT = {size: 152, comp_mask: 16, crypto_caps: 136} as const;
export const MLX5DV_CONTEXT_ROOM = 1024;

/** struct mlx5dv_crypto_caps */
export const MLX5DV_CRYPTO_CAPS = {
  size: 12,
  failed_selftests: 0,
  crypto_engines: 2,
  wrapped_import_method: 3,
  log_max_num_deks: 4,
  flags: 8,
} as const;

/** struct mlx5dv_crypto_login_attr, of the session API */
export const MLX5DV_CRYPTO_LOGIN_ATTR = {
  size: 64,
  credential_id: 0,
  import_kek_id: 4,
  credential: 8,
  comp_mask: 56,
} as const;

/** struct mlx5dv_crypto_login_attr_ex, of the object API (rdma-core >= 42) */
export const MLX5DV_CRYPTO_LOGIN_ATTR_EX = {
  size: 32,
  credential_id: 0,
  import_kek_id: 4,
  credential: 8,
  credential_len: 16,
  comp_mask: 24,
} as const;

/** struct mlx5dv_crypto_login_query_attr */
export const MLX5DV_CRYPTO_LOGIN_QUERY_ATTR = {size: 16, state: 0, comp_mask: 8} as const;

/** struct mlx5dv_dek_init_attr; before rdma-core 42 it ended at crypto_login */
export const MLX5DV_DEK_INIT_ATTR = {
  size: 176,
  key_size: 0,
  has_keytag: 4,
  key_purpose: 8,
  pd: 16,
  opaque: 24,
  key: 32,
  comp_mask: 160,
  crypto_login: 168,
} as const;

/** struct mlx5dv_dek_attr */
export const MLX5DV_DEK_ATTR = {size: 24, state: 0, opaque: 4, comp_mask: 16} as const;

/** struct mlx5dv_obj: which object, and where what libmlx5 knows of it goes. `size`: of release 44. */
export const MLX5DV_OBJ = {size: 112, 'pd.in': 96, 'pd.out': 104} as const;
/** Later releases have more kinds of objects (65: 128 bytes). */
export const MLX5DV_OBJ_ROOM = 256;

/** struct mlx5dv_pd */
export const MLX5DV_PD = {size: 16, pdn: 0} as const;

/** Values of the C enums and macros that are used, in their C spelling. */
export const C = {
  MLX5DV_CONTEXT_FLAGS_DEVX: 1,
  MLX5DV_CONTEXT_MASK_CRYPTO_OFFLOAD: 1 << 13,
  MLX5DV_CRYPTO_ENGINES_CAP_AES_XTS: 1,
  MLX5DV_CRYPTO_ENGINES_CAP_AES_XTS_SINGLE_BLOCK: 2,
  MLX5DV_CRYPTO_ENGINES_CAP_AES_XTS_MULTI_BLOCK: 4,
  MLX5DV_CRYPTO_WRAPPED_IMPORT_METHOD_CAP_AES_XTS: 1,
  MLX5DV_CRYPTO_CAPS_CRYPTO: 1,
  MLX5DV_CRYPTO_CAPS_WRAPPED_CRYPTO_OPERATIONAL: 2,
  MLX5DV_CRYPTO_CAPS_WRAPPED_CRYPTO_GOING_TO_COMMISSIONING: 4,
  MLX5DV_CRYPTO_LOGIN_STATE_VALID: 0,
  MLX5DV_CRYPTO_LOGIN_STATE_NO_LOGIN: 1,
  MLX5DV_CRYPTO_LOGIN_STATE_INVALID: 2,
  MLX5DV_CRYPTO_KEY_SIZE_128: 0,
  MLX5DV_CRYPTO_KEY_SIZE_256: 1,
  MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS: 0,
  MLX5DV_DEK_STATE_READY: 0,
  MLX5DV_DEK_STATE_ERROR: 1,
  MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN: 1,
  MLX5DV_OBJ_PD: 1 << 6,
} as const;
