/*
 * The file of a context, mlx5_N.ctx/SLOT: what all processes that have its descriptor share. It is what a program
 * gets when it opens the device, so that the kernel tells who has it, and when the last copy goes; see contexts.c.
 * Sparse. src/virtual/image-layout.ts has the offsets that `dek virtual show` reads, and a test compares the two.
 *
 *     0         the page that UARs are mapped from, never written
 *     CLOCK     the page of the clock (kernel/clock.c)
 *     HEADER    struct shared
 *     RECORDS   OBJECTS records: a handle is an index of them
 *
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTEXT_MAGIC "mlx5vctx"
#define CONTEXT_CLOCK 32768
#define CONTEXT_HEADER 65536
#define CONTEXT_RECORDS 131072
#define OBJECTS (1u << 20)
#define CONTEXT_BYTES (CONTEXT_RECORDS + (off_t)OBJECTS * sizeof(struct object))

enum { BY_COMMAND = 1 }; /* made by a firmware command, not by a verb: the other cannot destroy it */
enum kind { FREE = 0, PD, UAR, LOGIN, DEK, CQ, QP, MR, MKEY, PSV, SRQ, MW, AH, UMEM, IMPORT_KEK, CREDENTIAL };

struct shared {
	char magic[8];
	uint32_t device; /* N of mlx5_N */
	uint32_t slot;
	uint64_t serial; /* never the same twice on a NIC */
	uint32_t era;
	uint32_t count; /* records from here on were never used */
	uint32_t free_head; /* index + 1 of a free record, 0 for none */
	uint32_t login; /* handle + 1, 0 for none */
	uint32_t kek, credential; /* of the login: indices of the image's tables */
	uint32_t kek_generation, credential_generation;
	uint8_t ready, devx;
	uint8_t reserved[6];
};

/*
 * `kind` is written last when an object is made, and first when it goes: whoever dies in between leaves a whole
 * table.
 */
struct object {
	uint8_t kind;
	uint8_t wrapped; /* DEK: came wrapped, so a query needs a login */
	uint8_t error; /* DEK */
	uint8_t size; /* DEK: the mailbox's key_size, has_keytag in bit 7. CQ, QP: BY_COMMAND or 0 */
	uint32_t id; /* object id, QPN, CQN, index of a memory key */
	uint64_t serial; /* never the same twice on a NIC: tells an object from one that had its place before */
	uint32_t next_free; /* FREE: as free_head */
	uint32_t pd; /* handle + 1 of the PD that this is on, 0 for none */
	uint8_t opaque[8]; /* DEK */
	uint8_t key[80]; /* DEK: 72 bytes wrapped under the root key: key1, key2, keytag, zeros */
	uint32_t cq[2]; /* QP: handle + 1 of its CQs. CQ, SRQ: how many QPs have it */
	union {
		uint64_t length; /* MR */
		uint32_t srq; /* QP: handle + 1 of its SRQ, 0 for none */
	};
};
