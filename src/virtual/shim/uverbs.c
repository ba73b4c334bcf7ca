/*
 * The virtual ConnectX: an mlx5 NIC in software, below the real libibverbs and libmlx5.
 *
 * Put in front of a program by LD_PRELOAD, this answers what those libraries ask of the kernel (the uverbs ioctls)
 * and what they ask of the NIC through it (DEVX firmware commands): list, open, import, query; PDs, UARs, CQs, MRs,
 * RC QPs; crypto logins, DEKs, MKeys. It unwraps keys for real (RFC 3394), moves data and encrypts it (AES-XTS), and
 * refuses what a NIC refuses. What each file leaves out stands at its head, and all of it in
 * docs/virtual-connectx.md, with the list of what is assumed of firmware because no public source tells it.
 *
 * $DEK_VIRTUAL names a directory with one NVRAM image a device: /dev/infiniband/uverbsN is mlx5_N.nvram (image.h, the
 * one description of its layout). It is mapped by every process that opens the device; the TypeScript side writes and
 * reads it as a file. A program's descriptor is a file of its own, mlx5_N.ctx/SLOT (context.h), and what is in there
 * lives as long as the kernel's open file does, in whatever processes. Without $DEK_VIRTUAL, and for all other files,
 * every call is passed on. sysfs is a directory of plain files that $SYSFS_PATH names.
 *
 * Secrets: KEKs, credentials and a root key stay in the mapped image. A DEK is kept wrapped under the root key, in
 * the file of its context. When one is taken in, it is on one stack frame, in general purpose registers only, and is
 * wiped before the call returns; when a work request uses it, it is in one page of the engine's, which is locked, in
 * no core dump and in no child, and is wiped, with the registers and the stack, before the next. Between work
 * requests no process holds a DEK. AES is the CPU's own where it has AES-NI, for data; else it uses tables, and its
 * time can depend on the key through the caches.
 *
 * One translation unit, so that no name leaks through LD_PRELOAD: cc -O2 -shared -fPIC -o uverbs.so uverbs.c
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/mlx5-abi.h>
#include <rdma/mlx5_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "context.h"
#include "firmware/firmware.h"
#include "data/wqe.h"
#include "crypto/aes.c"
#include "crypto/kw.c"
#include "nic/nic.c"
#include "nic/gid.c"
#include "nic/slots.c"
#include "nic/contexts.c"
#include "nic/objects.c"
#include "firmware/turn.c"
#include "firmware/fault.c"
#include "firmware/command.c"
#include "firmware/fields.c"
#include "firmware/officer.c"
#include "firmware/login.c"
#include "firmware/register.c"
#include "firmware/officer-object.c"
#include "firmware/dek.c"
#include "firmware/caps.c"
#include "kernel/attributes.c"
#include "kernel/pd.c"
#include "kernel/uar.c"
#include "kernel/port.c"
#include "memory/memory.c"
#include "memory/umem.c"
#include "queue/channel.c"
#include "queue/event.c"
#include "queue/cq.c"
#include "firmware/cq-command.c"
#include "memory/key.c"
#include "memory/mr.c"
#include "memory/mkey.c"
#include "memory/mw.c"
#include "firmware/psv.c"
#include "crypto/xts.c"
#include "crypto/xts-cpu.c"
#include "memory/cipher.c"
#include "memory/signature.c"
#include "memory/umr.c"
#include "data/piece.c"
#include "memory/transfer.c"
#include "queue/srq.c"
#include "queue/qp.c"
#include "queue/ah.c"
#include "queue/receive.c"
#include "data/message.c"
#include "data/deliver.c"
#include "wire/endpoint.c"
#include "wire/packet.c"
#include "wire/request.c"
#include "data/datagram.c"
#include "wire/answer.c"
#include "data/send.c"
#include "data/send-queue.c"
#include "data/engine.c"
#include "queue/qp-state.c"
#include "firmware/qp-command.c"
#include "firmware/qp-create.c"
#include "kernel/clock.c"
#include "kernel/verbs.c"
#include "firmware/devx.c"
#include "kernel/ioctl.c"
#include "kernel/fork.c"
#include "kernel/fwctl.c"
#include "kernel/next.h"
#include "kernel/device.c"
#include "kernel/interpose.c"
