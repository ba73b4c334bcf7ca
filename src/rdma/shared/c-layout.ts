/**
 * The public C structures that tell by which number the kernel knows an object, as ../c-layout.ts has those of the
 * control path: a test compares them with gcc's offsetof. And the ioctl of uverbs, from <rdma/rdma_user_ioctl_cmds.h>
 * and its neighbours, which are the kernel's ABI.
 */

/** struct ibv_context */
export const IBV_CONTEXT = {device: 0, cmd_fd: 264} as const;
/** struct ibv_pd */
export const IBV_PD = {handle: 8} as const;
/** struct ibv_cq */
export const IBV_CQ = {handle: 24} as const;
/** struct ibv_qp */
export const IBV_QP = {handle: 48} as const;
/** struct ibv_mr */
export const IBV_MR = {handle: 32} as const;

/**
 * struct mlx5dv_devx_obj of libmlx5, to which a DEK, a login object and a memory key point. It is private, and the same
 * in every release from 37 to 65: devx-object.ts reads it with care. `size` is room for what later ones appended.
 */
export const DEVX_OBJ = {size: 64, context: 0, handle: 8, type: 12, object_id: 16} as const;
/** struct mlx5dv_dek and struct mlx5dv_crypto_login_obj: one pointer to that; an mkey has it behind its two keys. */
export const DEVX_OBJ_OF_MKEY = 8;

/** RDMA_VERBS_IOCTL */
export const RDMA_VERBS_IOCTL = 0xc0181b01;
export const RDMA_DRIVER_MLX5 = 1;
/** struct ib_uverbs_ioctl_hdr, and struct ib_uverbs_attr of which any number follows. */
export const IOCTL_HDR = {size: 24, length: 0, object_id: 2, method_id: 4, num_attrs: 6, driver_id: 16} as const;
export const IOCTL_ATTR = {size: 16, attr_id: 0, len: 2, flags: 4, data: 8} as const;
export const UVERBS_ATTR_F_MANDATORY = 1;
