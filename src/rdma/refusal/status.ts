/**
 * What the firmware of an mlx5 NIC says of a command that it refuses: a status, whose numbers and names are the
 * kernel's (include/linux/mlx5/device.h, drivers/net/ethernet/mellanox/mlx5/core/cmd.c), and a syndrome of 32 bits,
 * whose meaning NVIDIA does not publish.
 */

/** Numbers of statuses by their names in the kernel, without MLX5_CMD_STAT_ and _ERR. */
export const STATUSES = {
  INT_ERR: 0x01,
  BAD_OP: 0x02,
  BAD_PARAM: 0x03,
  BAD_SYS_STATE: 0x04,
  BAD_RES: 0x05,
  RES_BUSY: 0x06,
  LIM_ERR: 0x08,
  BAD_RES_STATE: 0x09,
  BAD_IX: 0x0a,
  NO_RES: 0x0f,
  BAD_QP_STATE: 0x10,
  BAD_PKT: 0x30,
  BAD_SIZE_OUTS_CQES: 0x40,
  BAD_INP_LEN: 0x50,
  BAD_OUTP_LEN: 0x51,
  /** The kernel's own, without the firmware: MLX5_DRIVER_STATUS_ABORTED. */
  ABORTED: 0xfe,
} as const;

/** What the firmware said of a command that it was asked to do once more; or it did what it had refused. */
export type Told = {readonly status: number; readonly syndrome: number} | 'not repeated';

export type StatusName = keyof typeof STATUSES;

/** What libmlx5 and the kernel make of a status, from rdma-core 40 on; EIO of all others. */
export const STATUS_ERRNOS: Readonly<Partial<Record<StatusName, string>>> = {
  BAD_OP: 'EINVAL',
  BAD_PARAM: 'EINVAL',
  BAD_RES: 'EINVAL',
  RES_BUSY: 'EBUSY',
  LIM_ERR: 'ENOMEM',
  BAD_RES_STATE: 'EINVAL',
  BAD_IX: 'EINVAL',
  NO_RES: 'EAGAIN',
};

/** The name of a status; undefined for a number that the kernel has no name for. */
export function statusName(status: number): StatusName | undefined {
  return (Object.keys(STATUSES) as StatusName[]).find((name) => STATUSES[name] === status);
}

/** `BAD_PARAM (0x3)`, or the number alone. */
export function statusText(status: number): string {
  const name = statusName(status);
  const number = `0x${status.toString(16)}`;
  return name === undefined ? number : `${name} (${number})`;
}

/** `0x000d000b` */
export function syndromeText(syndrome: number): string {
  return `0x${syndrome.toString(16).padStart(8, '0')}`;
}

/** `BAD_OP (0x2), syndrome 0x000d001a` */
export function describeStatus(status: number, syndrome: number): string {
  return `${statusText(status)}, syndrome ${syndromeText(syndrome)}`;
}
