/*
 * The virtual ConnectX: an mlx5 NIC in software, below the real libibverbs and libmlx5.
 *
 * Put in front of a program by LD_PRELOAD, this answers what those libraries ask of the kernel (the uverbs ioctls) and
 * what they ask of the NIC through it (DEVX firmware commands): list, open, query, PDs, UARs, crypto logins and DEKs.
 * It unwraps keys for real (RFC 3394) and refuses what a NIC refuses. There is no data path: no QP, CQ, MKey, traffic.
 *
 * $DEK_VIRTUAL names a directory with one NVRAM image a device: /dev/infiniband/uverbsN is mlx5_N.nvram. The image
 * (image.h, the one description of its layout) is mapped by every process that opens the device; the TypeScript side
 * writes and reads it as a file. Without $DEK_VIRTUAL, and for all other files, every call is passed on. sysfs is a
 * directory of plain files that $SYSFS_PATH names. A device file is /dev/zero opened: a character device, which
 * libibverbs' fstat wants to see, and which can be mapped at any offset.
 *
 * What no public source says of firmware is assumed: the list, by number, is in docs/virtual-connectx.md.
 *
 * Limits: a forked child cannot use its parent's context (ENOTTY), nor can a dup of the descriptor; processes that
 * share an image must share a PID namespace, since an owner is known by pid and start time.
 *
 * Secrets: KEKs and credentials stay in the mapped image. What is unwrapped from it lives on one stack frame, in
 * general purpose registers only, and is wiped before the call returns. No key is kept: a DEK is its opaque, its id,
 * its state.
 *
 * One translation unit, so that no name leaks through LD_PRELOAD: cc -O2 -shared -fPIC -o uverbs.so uverbs.c
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#define _GNU_SOURCE
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/mlx5-abi.h>
#include <rdma/mlx5_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "firmware.h"
#include "unwrap.c"
#include "nic.c"
#include "slots.c"
#include "objects.c"
#include "command.c"
#include "login.c"
#include "dek.c"
#include "caps.c"
#include "attributes.c"
#include "verbs.c"
#include "devx.c"
#include "ioctl.c"
#include "next.h"
#include "device.c"
#include "interpose.c"
