/*
 * UMR: a work request that gives an MKey its layout and access, and its BSFs. All of it stands inline in the entry:
 *
 *     umr control   16: flags 0, KLM octowords 4 (16 bits), BSF octowords 6 (16), mask 8 (64), reserved
 *     mkey context  64: free 0, access 2, QPN and tag 4, BSF and signature flags 12, start 16, length 24, reserved
 *     layout       128: a list of {bytes 0, key 4, address 8}; or {bytes 0, 0x400, repetitions 8, entries 14 (16)}
 *                       and that many {stride 0 (16), bytes 2 (16), key 4, address 8}; filled up to 64 bytes
 *     BSFs              of 64 bytes each: a signature's, the crypto BSF
 *
 * One without a layout makes a key free: IBV_WR_LOCAL_INV. A memory window is bound by one with a layout of one part.
 * Nothing is changed unless all of it makes sense. Left out: keys that a UMR makes of plain memory, layouts that stand
 * elsewhere.
 */

enum { UMR_CONTROL = 16, UMR_CONTEXT = 64, UMR_LAYOUT = 128, UMR_PARTS = (WQE_MOST - UMR_LAYOUT) / 16 };
enum { UMR_INLINE = 0x80, UMR_CHECK_FREE = 0x20, UMR_OFFSET = 0x10, UMR_CHECK_QPN = 0x8 }; /* flags */
enum { INTERLEAVED = 0x400, BSF_BYTES = 64, BSF_ENABLED = 0x40 };

/* Bits of the mask. */
#define SETS_LENGTH (1ull << 0)
#define SETS_START (1ull << 6)
#define SETS_SIGNATURE_ERROR (1ull << 9)
#define SETS_BSF (1ull << 12)
#define SETS_TAG (1ull << 13)
#define SETS_QPN (1ull << 14)
#define SETS_ACCESS (0xfull << 18) /* local write, remote read, remote write, atomic */
#define SETS_FREE (1ull << 29)
#define SETS_ALL                                                                                                       \
	(SETS_LENGTH | SETS_START | SETS_SIGNATURE_ERROR | SETS_BSF | SETS_TAG | SETS_QPN | SETS_ACCESS | SETS_FREE)

struct layout {
	uint32_t count, repeat;
	struct part part[UMR_PARTS];
};

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static bool read_layout(const uint8_t *p, uint32_t octowords, struct layout *l)
{
	l->count = l->repeat = 0;
	if (octowords && get32(p + 4) == INTERLEAVED) {
		uint32_t entries = get16(p + 14);

		l->repeat = get32(p + 8);
		if (!l->repeat || !entries || entries + 1 > octowords || get16(p + 12))
			return false;
		for (p += 16; l->count < entries; p += 16)
			l->part[l->count++] = (struct part){.stride = get16(p),
							    .bytes = get16(p + 2),
							    .key = get32(p + 4),
							    .address = get64(p + 8)};
		return true;
	}
	for (uint32_t i = 0; i < octowords; i++, p += 16)
		if (get32(p))
			l->part[l->count++] =
				(struct part){.bytes = get32(p), .key = get32(p + 4), .address = get64(p + 8)};
	return true;
}

/*
 * The crypto BSF: size 0 (2 bits: 2 alone, 3 behind another) and type 1 (bit 0), order 1, standard 3, bytes of data
 * 4, data unit 8, tweak 16, DEK 32, keytag 40. Order 0 and 2: encrypted on the wire; 1 and 3: in memory; which of two
 * comes first, the signature or this, makes no difference without a signature.
 */
static bool read_crypto_bsf(const uint8_t *b, bool alone, bool big_endian, uint64_t length, struct crypto *crypto)
{
	static const struct field fields[] = {{0, 2},  {7, 1},	   {8, 8},    {24, 8},	{32, 32},
					      {64, 8}, {128, 128}, {264, 24}, {320, 64}};

	if (HAS_OTHERS(b, BSF_BYTES, fields) || b[0] >> 6 != (alone ? 2 : 3) || b[1] > 3 || b[3] != 0 ||
	    get32(b + 4) < length || b[8] < 1 || b[8] >= sizeof(crypto_units) / sizeof(crypto_units[0]))
		return false;
	*crypto =
		(struct crypto){.on = true, .on_wire = b[1] % 2 == 0, .unit = crypto_units[b[8]], .dek = get24(b + 33)};
	for (int i = 0; i < 16; i++)
		crypto->tweak[i] = b[16 + (big_endian ? 15 - i : i)];
	memcpy(crypto->keytag, b + 40, sizeof(crypto->keytag));
	return true;
}

/* The key that a UMR is about, if it is one of this context and PD. */
static struct mkey *find_target(struct context *c, uint32_t pd, uint32_t key)
{
	struct body *b = buckets[(key >> 8) % BUCKETS];

	while (b && (b->context != c || (b->kind != MKEY && b->kind != MW) || b->number != key >> 8))
		b = b->next;
	return b && is_alive(b) && ((struct mkey *)b)->pd == pd ? (struct mkey *)b : NULL;
}

/*
 * Whether the control segment and the mkey context have nothing in them that is not known here. Where a key is made
 * free, libmlx5 leaves in the context what stood in the queue.
 */
static bool is_known(const uint8_t *control, const uint8_t *context, const struct mkey *m, uint32_t qpn)
{
	static const struct field control_fields[] = {{0, 8}, {32, 96}};
	static const struct field context_fields[] = {{1, 1}, {16, 8}, {32, 32}, {97, 1}, {101, 1}, {128, 128}};
	const uint64_t mask = get64(control + 8);
	const bool offset = control[0] & UMR_OFFSET;

	return control[0] & UMR_INLINE && !(control[0] & ~(UMR_INLINE | UMR_CHECK_FREE | UMR_OFFSET | UMR_CHECK_QPN)) &&
	       !(control[0] & UMR_CHECK_FREE && !m->is_free) &&
	       !(control[0] & UMR_CHECK_QPN && m->qpn != NO_QPN && m->qpn != qpn) && !(offset && get16(control + 6)) &&
	       !(mask & ~SETS_ALL) &&
	       !(mask & SETS_QPN && get24(context + 4) != NO_QPN && (m->window != 2 || get24(context + 4) != qpn)) &&
	       !HAS_OTHERS(control, UMR_CONTEXT - UMR_CONTROL, control_fields) &&
	       (get16(control + 4) == 0 || !HAS_OTHERS(context, UMR_LAYOUT - UMR_CONTEXT, context_fields));
}

/* The BSFs of a UMR: a signature's first, then the crypto BSF; what has none has none on. */
static bool read_bsfs(const uint8_t *bsf, uint32_t octowords, const struct mkey *m, uint64_t length,
		      struct crypto *crypto, struct signature *signature)
{
	const struct image *image = m->body.context->nic->image;
	const bool big_endian = !(image->engines & 2) == (LOAD(image->tweak) == TWEAK_REVERSED);

	*crypto = (struct crypto){.on = false};
	*signature = (struct signature){.on = false};
	if (octowords % 4 || octowords > m->bsf_octowords)
		return false;
	for (uint32_t i = 0; i < octowords / 4; i++, bsf += BSF_BYTES) {
		const bool alone = octowords == 4;

		if (bsf[0] & 1 &&
		    (!m->crypto_enabled || crypto->on || !read_crypto_bsf(bsf, alone, big_endian, length, crypto)))
			return false;
		if (!(bsf[0] & 1) && (i != 0 || !read_signature_bsf(bsf, alone, signature)))
			return false;
	}
	return true;
}

/* Whether a window may be bound so: to one part, of a region that allows it, and with no more access than that. */
static bool fits_window(const struct mkey *m, const struct layout *l, uint64_t mask, const uint8_t *context)
{
	const struct part *part = &l->part[0];
	const struct mkey *region = l->count == 1 && !l->repeat ? find_mkey(m->body.context->nic, part->key) : NULL;
	const bool writes = context[2] & (REMOTE_WRITE | REMOTE_ATOMIC);

	return region && region->body.kind == MR && region->body.context == m->body.context && region->pd == m->pd &&
	       region->binds && (!writes || region->access & LOCAL_WRITE) &&
	       part->address - region->start <= region->length &&
	       part->bytes <= region->length - (part->address - region->start) &&
	       !(mask & SETS_QPN) == (m->window == 1) && (mask & SETS_LENGTH) && get64(context + 24) == part->bytes;
}

/*
 * `w`: the entry, of `bytes` bytes. Returns a syndrome: it makes no sense, or the key is not one of this context and
 * PD; or 0.
 */
static uint32_t configure_mkey(struct context *c, uint32_t pd, uint32_t qpn, const uint8_t *w, uint32_t bytes)
{
	const uint8_t *control = w + UMR_CONTROL, *context = w + UMR_CONTEXT, *bsf;
	const uint32_t octowords = get16(control + 4);
	const uint32_t bsf_octowords = control[0] & UMR_OFFSET ? 0 : get16(control + 6);
	const uint64_t mask = get64(control + 8);
	struct mkey *m = find_target(c, pd, get32(w + WQE_KEY));
	struct layout layout;
	struct crypto crypto;
	struct signature signature;
	uint64_t length;

	if (!m)
		return BAD_BIND;
	if (bytes < UMR_LAYOUT || bytes - UMR_LAYOUT < 16 * (octowords + bsf_octowords) ||
	    !is_known(control, context, m, qpn))
		return m->window ? BAD_BIND : LOCAL_QP_OP;
	length = mask & SETS_LENGTH ? get64(context + 24) : m->length;
	bsf = w + UMR_LAYOUT + 16 * octowords;
	if (octowords % 4 || octowords > m->room || !read_layout(w + UMR_LAYOUT, octowords, &layout) ||
	    (bsf_octowords && mask & SETS_BSF && !(context[12] & BSF_ENABLED)) ||
	    !read_bsfs(bsf, bsf_octowords, m, length, &crypto, &signature))
		return LOCAL_QP_OP;
	if (m->window && octowords && !fits_window(m, &layout, mask, context))
		return BAD_BIND;
	m->length = length;
	m->start = mask & SETS_START ? get64(context + 16) : m->start;
	m->tag = mask & SETS_TAG ? context[7] : m->tag;
	m->qpn = mask & SETS_QPN ? get24(context + 4) : m->qpn;
	m->is_free = mask & SETS_FREE ? context[0] & 0x40 : m->is_free;
	if (mask & SETS_ACCESS)
		m->access = (m->access & LOCAL_READ) |
			    (context[2] & (LOCAL_WRITE | REMOTE_READ | REMOTE_WRITE | REMOTE_ATOMIC));
	if (mask & SETS_BSF || bsf_octowords) {
		m->crypto = crypto;
		m->signature = signature;
	}
	if (mask & (SETS_BSF | SETS_SIGNATURE_ERROR))
		m->signature_error = (struct signature_error){.found = false};
	if (octowords) {
		memcpy(m->part, layout.part, layout.count * sizeof(layout.part[0]));
		m->count = layout.count;
		m->repeat = layout.repeat;
	}
	return 0;
}
