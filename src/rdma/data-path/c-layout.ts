/**
 * The C structures of the data path, as ../c-layout.ts has those of the control path: size in bytes, offsets of
 * members, and where the pointers of the functions stand that the headers call inline. A test compares them with gcc's
 * offsetof; releases of rdma-core only append to them. Left out: members that are only ever zero, or never read.
 */

/** struct ibv_context: the function that ibv_poll_cq(3) calls. */
export const IBV_CONTEXT = {'ops.poll_cq': 96} as const;
/** struct ibv_qp */
export const IBV_QP = {qp_num: 52} as const;
/** struct ibv_mr */
export const IBV_MR = {lkey: 36, rkey: 40} as const;
/** struct mlx5dv_mkey */
export const MLX5DV_MKEY = {lkey: 0} as const;

/** struct ibv_qp_ex: two members that a work request is given by, and the functions of ibv_wr_post(3). */
export const IBV_QP_EX = {
  wr_id: 168,
  wr_flags: 176,
  wr_rdma_write: 224,
  wr_set_sge: 304,
  wr_start: 320,
  wr_complete: 328,
  wr_abort: 336,
} as const;

/** struct mlx5dv_qp_ex: the functions of mlx5dv_wr_post(3). */
export const MLX5DV_QP_EX = {
  wr_mkey_configure: 32,
  wr_set_mkey_access_flags: 40,
  wr_set_mkey_layout_list: 48,
  wr_set_mkey_crypto: 96,
} as const;

/** struct ibv_qp_init_attr_ex */
export const IBV_QP_INIT_ATTR_EX = {
  size: 136,
  send_cq: 8,
  recv_cq: 16,
  'cap.max_send_wr': 32,
  'cap.max_recv_wr': 36,
  'cap.max_send_sge': 40,
  'cap.max_recv_sge': 44,
  'cap.max_inline_data': 48,
  qp_type: 52,
  comp_mask: 60,
  pd: 64,
  send_ops_flags: 128,
} as const;

/** struct mlx5dv_qp_init_attr */
export const MLX5DV_QP_INIT_ATTR = {size: 40, comp_mask: 0, send_ops_flags: 32} as const;

/** struct ibv_qp_attr */
export const IBV_QP_ATTR = {
  size: 144,
  qp_state: 0,
  path_mtu: 8,
  dest_qp_num: 28,
  qp_access_flags: 32,
  'ah_attr.grh.dgid': 56,
  'ah_attr.grh.sgid_index': 76,
  'ah_attr.grh.hop_limit': 77,
  'ah_attr.dlid': 80,
  'ah_attr.is_global': 85,
  'ah_attr.port_num': 86,
  max_rd_atomic: 126,
  max_dest_rd_atomic: 127,
  port_num: 129,
  timeout: 130,
  retry_cnt: 131,
  rnr_retry: 132,
} as const;

/** struct ibv_port_attr; a release may append to it, hence the room. */
export const IBV_PORT_ATTR = {state: 0, gid_tbl_len: 12, lid: 34, link_layer: 46} as const;
export const IBV_PORT_ATTR_ROOM = 128;

/** struct mlx5dv_mkey_init_attr */
export const MLX5DV_MKEY_INIT_ATTR = {size: 16, pd: 0, create_flags: 8, max_entries: 12} as const;
/** struct mlx5dv_mkey_conf_attr */
export const MLX5DV_MKEY_CONF_ATTR = {size: 16} as const;

/** struct mlx5dv_crypto_attr */
export const MLX5DV_CRYPTO_ATTR = {
  size: 56,
  crypto_standard: 0,
  encrypt_on_tx: 4,
  signature_crypto_order: 8,
  data_unit_size: 12,
  initial_tweak: 16,
  dek: 32,
  keytag: 40,
} as const;

/** struct ibv_sge */
export const IBV_SGE = {size: 16, addr: 0, length: 8, lkey: 12} as const;
/** struct ibv_wc */
export const IBV_WC = {size: 48, wr_id: 0, status: 8} as const;

/** Values of the C enums and macros that are used, in their C spelling. */
export const C = {
  IBV_ACCESS_LOCAL_WRITE: 1,
  IBV_ACCESS_REMOTE_WRITE: 2,
  IBV_QPT_RC: 2,
  IBV_QP_INIT_ATTR_PD: 1,
  IBV_QP_INIT_ATTR_SEND_OPS_FLAGS: 64,
  IBV_QP_EX_WITH_RDMA_WRITE: 1,
  MLX5DV_QP_INIT_ATTR_MASK_SEND_OPS_FLAGS: 4,
  MLX5DV_QP_EX_WITH_MKEY_CONFIGURE: 4,
  IBV_QPS_INIT: 1,
  IBV_QPS_RTR: 2,
  IBV_QPS_RTS: 3,
  IBV_QP_STATE: 1 << 0,
  IBV_QP_ACCESS_FLAGS: 1 << 3,
  IBV_QP_PKEY_INDEX: 1 << 4,
  IBV_QP_PORT: 1 << 5,
  IBV_QP_AV: 1 << 7,
  IBV_QP_PATH_MTU: 1 << 8,
  IBV_QP_TIMEOUT: 1 << 9,
  IBV_QP_RETRY_CNT: 1 << 10,
  IBV_QP_RNR_RETRY: 1 << 11,
  IBV_QP_RQ_PSN: 1 << 12,
  IBV_QP_MAX_QP_RD_ATOMIC: 1 << 13,
  IBV_QP_MIN_RNR_TIMER: 1 << 15,
  IBV_QP_SQ_PSN: 1 << 16,
  IBV_QP_MAX_DEST_RD_ATOMIC: 1 << 17,
  IBV_QP_DEST_QPN: 1 << 20,
  IBV_MTU_1024: 3,
  IBV_LINK_LAYER_INFINIBAND: 1,
  IBV_PORT_ACTIVE: 4,
  IBV_SEND_SIGNALED: 2,
  IBV_SEND_INLINE: 8,
  IBV_WC_SUCCESS: 0,
  IBV_WC_WR_FLUSH_ERR: 5,
  IBV_WC_RETRY_EXC_ERR: 12,
  MLX5DV_MKEY_INIT_ATTR_FLAGS_INDIRECT: 1,
  MLX5DV_MKEY_INIT_ATTR_FLAGS_CRYPTO: 4,
  MLX5DV_CRYPTO_STANDARD_AES_XTS: 0,
  MLX5DV_SIGNATURE_CRYPTO_ORDER_SIGNATURE_BEFORE_CRYPTO_ON_TX: 1,
  MLX5DV_BLOCK_SIZE_512: 0,
} as const;
