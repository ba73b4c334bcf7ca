/*
 * The NVRAM image of a device: settings, keys, faults and counters, little-endian. It is mapped by every process that
 * has the device open, and written as a file by the TypeScript side: src/virtual/image-layout.ts has the same offsets,
 * and a test compares the two. Left out: what a real NIC's flash holds beside them.
 */
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC "mlx5vnic"
#define IMAGE_VERSION 6
#define KEYS 64
#define RULES 16
#define LANES 64
#define SLOTS 1024
#define ALWAYS UINT32_MAX
#define CARD_GUID 0x506b4b0300c0ffeeull /* of all devices of a directory, as src/virtual/sysfs.ts has it */

/*
 * An import KEK (16 or 32 bytes) or a credential (40). Written while `valid` is 0; `generation` counts the writings.
 * `owner` is the serial of the context that made it as an object, with which it goes; 0 when it stays.
 */
struct key {
	uint32_t id;
	uint32_t generation;
	uint8_t valid;
	uint8_t bytes;
	uint8_t role; /* enum role, of a credential */
	uint8_t reserved[5];
	uint8_t secret[40];
	uint64_t owner;
};
enum role { ROLE_OFFICER = 0, ROLE_USER = 1 };

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

/*
 * An open context: its file is mlx5_N.ctx/INDEX. `deks` may be too high after a process died; slots.c counts again.
 */
struct slot {
	uint64_t serial; /* of the context */
	uint32_t used;
	uint32_t era; /* the image's, when this was opened */
	uint32_t deks;
	uint32_t reserved[3];
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
	uint8_t root_key[32]; /* random: what a context keeps of a DEK is wrapped under it */
	uint32_t service_us[4]; /* enum service: what firmware spends on a command while all others wait */
	uint8_t policy; /* enum policy */
	uint8_t tweak; /* enum tweak */
	uint8_t port_down; /* 1: the port of the device is down */
	uint8_t no_gid; /* 1: it has no address */
	uint8_t no_loopback; /* 1: the firmware refuses force loopback */
	uint8_t devx_registers; /* 1: the firmware lets a user of DEVX at the officer's registers */
	uint16_t contrary; /* a bit for each assumption that it does not hold to: enum contrary */
	uint32_t next_object; /* from here on written by this library */
	uint32_t slots_used; /* slots from here on were never used */
	uint32_t next_qpn; /* 24 bits, as the two below; used again after all others */
	uint32_t next_mkey;
	uint32_t next_psv;
	uint32_t era; /* how often the NIC went: what was opened before holds nothing, and gets EIO for ever */
	uint64_t next_serial;
	uint64_t contexts_made;
	uint64_t pds_made;
	uint64_t logins_made;
	uint64_t deks_made;
	uint64_t commands;
	uint64_t refused;
	uint64_t work_requests; /* done, of all send queues */
	uint64_t bytes_encrypted;
	uint64_t bytes_decrypted;
	uint64_t firmware_free; /* when the firmware is free again: CLOCK_MONOTONIC, ns */
	uint8_t no_crypto_objects; /* 1: the firmware knows no logins and no DEKs */
	uint8_t reserved1[7];
	uint64_t reserved2[6];
	uint64_t lane_free[LANES]; /* the same, of each lane */
	struct key kek[KEYS];
	struct key credential[KEYS];
	struct fault fault[RULES];
	struct dek_error dek_error[RULES];
	struct slot slot[SLOTS];
};
enum state { COMMISSIONING = 0, OPERATIONAL = 1, GOING_TO_COMMISSIONING = 2 };
enum policy { POLICY_DEFAULT = 0, POLICY_FIPS = 1 }; /* fips refuses a DEK with key1 == key2 */
/* How the tweak goes from one data unit to the next, and in which order a BSF has its bytes. */
enum tweak { TWEAK_IEEE_1619 = 0, TWEAK_INC_64 = 1, TWEAK_REVERSED = 2 };
/* Assumptions of docs/virtual-connectx.md that a NIC may be made not to hold to, by their numbers there. */
enum contrary {
	CONTRARY_STATUS = 1 << 0, /* 1 */
	CONTRARY_SECOND_LOGIN = 1 << 1, /* 2 */
	CONTRARY_PD = 1 << 2, /* 4 */
	CONTRARY_TRAILING = 1 << 3, /* 6 */
	CONTRARY_STATE = 1 << 4, /* 7 */
	CONTRARY_IDS = 1 << 5, /* 8 */
	CONTRARY_PLAINTEXT = 1 << 6, /* 9 */
	CONTRARY_TIME = 1 << 7, /* 10 */
	CONTRARY_HALVES = 1 << 8, /* 12 */
	CONTRARY_KEYTAG = 1 << 9, /* 15 */
	CONTRARY_LOGIN = 1 << 10, /* 16 */
};
enum service { SERVE_CREATE, SERVE_QUERY, SERVE_DESTROY, SERVE_OTHER };

_Static_assert(sizeof(struct key) == 64 && sizeof(struct slot) == 32, "no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the image is little-endian");
