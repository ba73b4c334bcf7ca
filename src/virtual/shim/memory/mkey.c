/*
 * MKeys, made by a DEVX command: free ones for UMRs (mlx5dv_create_mkey(3)), lists of other keys that a UMR may change
 * later, and memory of a umem (DPDK makes its own so). Left out: all other kinds, key 0 for what is not there.
 */

/* CREATE_MKEY: the mkey context stands at bit 0x80. */
enum { MKC = 0x80, ACCESS_MODE_MTT = 1, ACCESS_MODE_KLM = 2, KLMS_AT = 0x880 };
static const struct field F_PAGES_ACCESS = {0x60, 1};
static const struct field F_FREE = {MKC + 0x1, 1}, F_ORDER_WRITE = {MKC + 0xd, 1}, F_ATOMIC = {MKC + 0x11, 1};
static const struct field F_UMR_ENABLED = {MKC + 0x10, 1}, F_RW = {MKC + 0x12, 1};
static const struct field F_RR = {MKC + 0x13, 1}, F_LW = {MKC + 0x14, 1}, F_LR = {MKC + 0x15, 1};
static const struct field F_ACCESS_MODE = {MKC + 0x16, 2}, F_MKEY_QPN = {MKC + 0x20, 24}, F_TAG = {MKC + 0x38, 8};
static const struct field F_BSF_ENABLED = {MKC + 0x61, 1}, F_INVALIDATED = {MKC + 0x67, 1};
static const struct field F_MKEY_PD = {MKC + 0x68, 24};
static const struct field F_BSF_SIZE = {MKC + 0x100, 32}, F_TRANSLATIONS = {MKC + 0x1a0, 32};
static const struct field F_START = {MKC + 0x80, 64}, F_LENGTH = {MKC + 0xc0, 64}, F_ORDER_READ = {MKC + 0x1d9, 1};
static const struct field F_KEY_PAGE_SIZE = {MKC + 0x1db, 5}, F_ACTUAL_SIZE = {0x300, 32}, F_KEY_UMEM = {0x320, 32};
static const struct field F_KEY_OFFSET = {0x340, 64};
static const struct field F_CRYPTO_ENABLED = {MKC + 0x1e3, 2};

/* Whether what is said of BSFs and the cipher fits together. */
static bool is_mkey_context_good(const struct context *c, const uint8_t *in)
{
	const uint32_t bsf = get_field(in, F_BSF_SIZE), crypto = get_field(in, F_CRYPTO_ENABLED);

	return get_field(in, F_MKEY_QPN) == NO_QPN && crypto <= 1 && !(crypto && !c->nic->image->engines) &&
	       bsf % 4 == 0 && bsf <= 8 && !get_field(in, F_BSF_ENABLED) == !bsf &&
	       !(crypto && !get_field(in, F_BSF_ENABLED));
}

/* Memory of a umem. */
static bool map_umem(struct context *c, struct mkey *m, const uint8_t *in)
{
	struct umem *umem[2] = {find_umem(c, get_field(in, F_KEY_UMEM))};

	m->host = place_in_umem(umem[0], get64(in + F_KEY_OFFSET.at / 8), m->length);
	if (!m->host || get_field(in, F_UMR_ENABLED) || get_field(in, F_FREE) || !get_field(in, F_PAGES_ACCESS))
		return false;
	m->direct = true;
	m->umem[0] = get_field(in, F_KEY_UMEM);
	use_umems(umem);
	return true;
}

/* The list of a key that is not free at once, if the command has it. */
static bool read_klms(struct mkey *m, const uint8_t *in, uint32_t inlen)
{
	const uint32_t given = get_field(in, F_ACTUAL_SIZE);

	if (given > m->room || (inlen - KLMS_AT / 8) / 16 < given)
		return false;
	for (const uint8_t *p = in + KLMS_AT / 8; m->count < given; p += 16)
		m->part[m->count++] = (struct part){.bytes = get32(p), .key = get32(p + 4), .address = get64(p + 8)};
	return true;
}

static struct verdict create_mkey(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE,
				       F_PAGES_ACCESS,
				       F_FREE,
				       F_ORDER_WRITE,
				       F_UMR_ENABLED,
				       F_ATOMIC,
				       F_RW,
				       F_RR,
				       F_LW,
				       F_LR,
				       F_ACCESS_MODE,
				       F_MKEY_QPN,
				       F_TAG,
				       F_BSF_ENABLED,
				       F_INVALIDATED,
				       F_MKEY_PD,
				       F_START,
				       F_LENGTH,
				       F_BSF_SIZE,
				       F_TRANSLATIONS,
				       F_ORDER_READ,
				       F_KEY_PAGE_SIZE,
				       F_CRYPTO_ENABLED,
				       F_ACTUAL_SIZE,
				       F_KEY_UMEM,
				       F_KEY_OFFSET};
	struct object model = {.kind = MKEY};
	const bool layout = inlen >= 0x280 / 8 && get_field(in, F_ACCESS_MODE) == ACCESS_MODE_KLM;
	uint32_t parts;
	struct mkey *m;

	if (inlen < KLMS_AT / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	parts = get_field(in, F_TRANSLATIONS);
	if (HAS_OTHERS(in, KLMS_AT / 8, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!is_mkey_context_good(c, in) || (layout && (parts < 1 || parts > 1024)) ||
	    (!layout && get_field(in, F_ACCESS_MODE) != ACCESS_MODE_MTT))
		return REFUSE(BAD_PARAM, MKEY_CONTEXT);
	model.pd = get_field(in, F_MKEY_PD);
	if (!object_at(c, model.pd - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	m = add_mkey(c, &model, layout ? parts : 0, handle);
	if (!m)
		return REFUSE(NO_RES, 0);
	m->is_free = get_field(in, F_FREE);
	m->access = get_field(in, F_LR) ? LOCAL_READ : 0;
	m->access |= (get_field(in, F_LW) ? LOCAL_WRITE : 0) | (get_field(in, F_RR) ? REMOTE_READ : 0) |
		     (get_field(in, F_RW) ? REMOTE_WRITE : 0) | (get_field(in, F_ATOMIC) ? REMOTE_ATOMIC : 0);
	m->tag = get_field(in, F_TAG);
	m->can_be_invalidated = get_field(in, F_INVALIDATED);
	m->crypto_enabled = get_field(in, F_CRYPTO_ENABLED);
	m->bsf_octowords = get_field(in, F_BSF_SIZE);
	m->start = get64(in + F_START.at / 8), m->length = get64(in + F_LENGTH.at / 8);
	if (layout ? !m->is_free && !read_klms(m, in, inlen) : !map_umem(c, m, in)) {
		free_object(c, *handle);
		return REFUSE(BAD_PARAM, MKEY_CONTEXT);
	}
	return DONE;
}

static void release_mkey(struct body *b)
{
	leave_umems(b->context, ((struct mkey *)b)->umem);
}
