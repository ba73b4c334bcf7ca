/*
 * The NVRAM image of a device: settings, keys, faults and counters, little-endian. It is mapped by every process that
 * has the device open, and written as a file by the TypeScript side: src/virtual/layout.ts has the same offsets, and a
 * test compares the two. Left out: what a real NIC's flash holds beside them.
 */
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC "mlx5vnic"
#define IMAGE_VERSION 1
#define KEYS 64
#define RULES 16
#define LANES 64
#define SLOTS 1024
#define ALWAYS UINT32_MAX

/* An import KEK (16 or 32 bytes) or a credential (40). Written while `valid` is 0; `generation` counts the writings. */
struct key {
	uint32_t id;
	uint32_t generation;
	uint8_t valid;
	uint8_t bytes;
	uint8_t reserved[6];
	uint8_t secret[40];
	uint8_t reserved2[8];
};

/* A firmware command to fail. opcode 0: any; type 0: any. `left` counts down to 0, or is ALWAYS. */
struct fault {
	uint8_t active;
	uint8_t status;
	uint16_t opcode;
	uint16_t type;
	uint16_t reserved;
	uint32_t syndrome;
	uint32_t left;
	uint64_t hits;
	uint64_t reserved2;
};

/* DEKs that turn to ERROR, of those with an object id below `before`. */
struct dek_error {
	uint8_t active;
	uint8_t by; /* enum by */
	uint8_t reserved[2];
	uint32_t id;
	uint32_t before;
	uint32_t reserved2;
	uint8_t opaque[8];
	uint64_t hits;
};
enum by { BY_ALL = 1, BY_OPAQUE = 2, BY_ID = 3 };

/* An open context and what it holds. `pid` 0: free. An owner that is dead holds nothing, whatever is written here. */
struct slot {
	uint32_t pid;
	uint32_t fd;
	uint64_t start; /* of the process, in clock ticks since boot: /proc/PID/stat, field 22 */
	uint32_t pds;
	uint32_t logins;
	uint32_t deks;
	uint32_t era; /* the image's, when this was opened */
};

struct image {
	char magic[8];
	uint32_t version;
	uint32_t bytes; /* of the whole image */
	uint8_t wrapped_import; /* 1: wrapped, 0: plaintext */
	uint8_t state; /* enum state */
	uint8_t engines; /* bit 0: single-block, bit 1: multi-block */
	uint8_t log_max_num_deks;
	uint8_t gone; /* 1: EIO on everything */
	uint8_t parallel; /* how many firmware commands run at once, 1 to LANES */
	uint16_t failed_selftests;
	uint32_t latency_us; /* of a firmware command, up to 1,000,000 */
	uint32_t open_errno; /* what opening the device fails with, or 0 */
	uint64_t guid;
	uint32_t next_object; /* from here on written by this file */
	uint32_t slots_used; /* slots from here on were never used */
	uint64_t contexts_made;
	uint64_t pds_made;
	uint64_t logins_made;
	uint64_t deks_made;
	uint64_t commands;
	uint64_t refused;
	uint32_t era; /* how often the NIC went: what was opened before holds nothing, and gets EIO for ever */
	uint32_t reserved;
	uint64_t reserved2[3];
	uint64_t lane_free[LANES]; /* when each lane is free again: CLOCK_MONOTONIC, ns */
	struct key kek[KEYS];
	struct key credential[KEYS];
	struct fault fault[RULES];
	struct dek_error dek_error[RULES];
	struct slot slot[SLOTS];
};
enum state { COMMISSIONING = 0, OPERATIONAL = 1, GOING_TO_COMMISSIONING = 2 };

_Static_assert(sizeof(struct key) == 64 && sizeof(struct slot) == 32, "no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the image is little-endian");
