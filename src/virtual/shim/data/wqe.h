/*
 * Work queue entries (PRM, "Work Queue Elements"): what the first 16 bytes, the control segment, say, and the opcodes
 * that are known here. Offsets are in bytes, numbers big-endian.
 *
 *     control   opmod 0, index 1 (16 bits), opcode 3, QPN 4 (24), size 7 (6 bits, in 16 bytes), flags 11,
 *               immediate or UMR's key 12
 *     remote    address 0, key 8                of RDMA and atomics, after the control segment
 *     atomic    swap or add 0, compare 8        after the remote segment
 *     address   Q key 0, QPN 9 (24), MAC 20 (48), hop limit 27, GID 32 (128)   of datagrams, after the control segment
 *     data      bytes 0, key 4, address 8       bit 31 of bytes: that many bytes follow inline
 */
enum wqe_opcode {
	WQE_NOP = 0x0,
	WQE_SEND_INVALIDATE = 0x1,
	WQE_WRITE = 0x8,
	WQE_WRITE_IMM = 0x9,
	WQE_SEND = 0xa,
	WQE_SEND_IMM = 0xb,
	WQE_READ = 0x10,
	WQE_COMPARE_SWAP = 0x11,
	WQE_FETCH_ADD = 0x12,
	WQE_SET_PSV = 0x20,
	WQE_UMR = 0x25,
};

enum {
	WQE_BLOCK = 64, /* bytes: what queues count in */
	WQE_MOST = 1024,
	WQE_FLAGS = 11,
	WQE_SIGNALED = 8,
	WQE_SOLICITED = 2,
	WQE_KEY = 12,
	WQE_LAST_KEY = 0x100, /* ends a list of data segments */
};
#define WQE_INLINE 0x80000000u
