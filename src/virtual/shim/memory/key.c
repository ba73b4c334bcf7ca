/*
 * Memory keys: what they are, and how they are found. Memory regions (mr.c), memory windows (mw.c), and the MKeys of
 * mlx5dv (mkey.c): a list or an interleaved pattern over other keys that a UMR lays out (umr.c), with AES-XTS and
 * signatures in between if it says so (cipher.c, signature.c). Left out: device memory, dma-buf.
 */

enum access {
	LOCAL_READ = 4,
	LOCAL_WRITE = 8,
	REMOTE_READ = 0x10,
	REMOTE_WRITE = 0x20,
	REMOTE_ATOMIC = 0x40
}; /* as in a mkey context */

/* A part of a layout. */
struct part {
	uint32_t bytes, key, stride; /* stride: from one repetition to the next */
	uint64_t address;
};

/* What a crypto BSF says. */
struct crypto {
	bool on;
	bool on_wire; /* encrypted on the wire and plain in memory, or the other way round */
	uint32_t unit; /* bytes of a data unit */
	uint32_t dek; /* the low 24 bits of its object id */
	uint32_t handle; /* where that was found last */
	uint8_t tweak[16]; /* of the first data unit, little-endian */
	uint8_t keytag[8];
};

enum { NO_QPN = 0xffffff };

/* What stands behind each block on one side. */
struct domain {
	uint8_t kind; /* enum signature_kind */
	bool seeded; /* begins with all ones, not with zeros */
	bool counts; /* T10: the reference tag goes up by one for each block */
	uint8_t escape; /* T10: tags that mean "do not check": 1 application tag, 2 with the reference tag */
	uint32_t unit; /* bytes of a block */
	uint16_t application;
	uint32_t reference;
};

enum signature_kind { NO_SIGNATURE, CRC32, CRC32C, CRC64_XP10, T10_CRC, T10_SUM };

struct signature {
	bool on;
	struct domain wire, memory;
	uint8_t check_mask, copy_mask; /* a bit for each of up to 8 check bytes, the first one highest */
};

/* The first block that did not match. */
struct signature_error {
	bool found, told;
	bool in_memory; /* which side */
	uint16_t syndrome;
	uint64_t expected, actual, offset;
};

struct mkey {
	struct body body;
	uint32_t pd, access;
	uint8_t tag; /* the low 8 bits of the key */
	bool is_free;
	bool direct; /* memory of the program, not a layout of other keys */
	uint8_t window; /* MW: its type, 1 or 2; else 0 */
	bool binds; /* MR: windows may be bound to it */
	bool can_be_invalidated; /* by a peer */
	uint32_t qpn; /* MW: the only QP that may use it, or NO_QPN */
	uint64_t start, length;
	uint64_t host; /* where `start` lies, of a direct one */
	uint32_t umem[2]; /* ids of the memory that it is in, 0: none */
	uint32_t bsf_octowords; /* room for BSFs */
	bool crypto_enabled;
	struct crypto crypto;
	struct signature signature;
	struct signature_error signature_error;
	uint32_t room, count, repeat; /* of the layout; 0 times: once */
	struct part part[];
};

/* The key with this number on a NIC. Also while data is moved, without the mutex. */
static struct mkey *find_mkey(const struct nic *nic, uint32_t key)
{
	uint32_t index = key >> 8;

	for (struct body *b = LOAD(buckets[index % BUCKETS]); b; b = b->next) {
		struct mkey *m = (struct mkey *)b;

		if ((b->kind == MR || b->kind == MKEY || b->kind == MW) && b->number == index &&
		    b->context->nic == nic && m->tag == (key & 0xff))
			return is_alive(b) ? m : NULL;
	}
	return NULL;
}

/* A new object of kind MR, MW or MKEY with its body. NULL: no room. */
static struct mkey *add_mkey(struct context *c, struct object *model, uint32_t parts, uint32_t *handle)
{
	struct mkey *m;

	model->id = ADD(c->nic->image->next_mkey, 1) & 0xffffff;
	if (!add_object(c, model, handle))
		return NULL;
	m = add_body(c, *handle, sizeof(*m) + parts * sizeof(m->part[0]));
	if (!m) {
		free_object(c, *handle);
		return NULL;
	}
	m->pd = model->pd;
	m->room = parts;
	m->qpn = NO_QPN;
	return m;
}
