/* MKeys: keys that a DEVX command makes free, for UMRs (mlx5dv_create_mkey(3)). Left out: all other kinds. */

/* CREATE_MKEY: the mkey context stands at bit 0x80. */
enum { MKC = 0x80, ACCESS_MODE_KLM = 2 };
static const struct field F_FREE = {MKC + 0x1, 1}, F_UMR_ENABLED = {MKC + 0x10, 1}, F_RW = {MKC + 0x12, 1};
static const struct field F_RR = {MKC + 0x13, 1}, F_LW = {MKC + 0x14, 1}, F_LR = {MKC + 0x15, 1};
static const struct field F_ACCESS_MODE = {MKC + 0x16, 2}, F_MKEY_QPN = {MKC + 0x20, 24}, F_TAG = {MKC + 0x38, 8};
static const struct field F_BSF_ENABLED = {MKC + 0x61, 1}, F_INVALIDATED = {MKC + 0x67, 1};
static const struct field F_MKEY_PD = {MKC + 0x68, 24};
static const struct field F_BSF_SIZE = {MKC + 0x100, 32}, F_TRANSLATIONS = {MKC + 0x1a0, 32};
static const struct field F_CRYPTO_ENABLED = {MKC + 0x1e3, 2};

/* A free indirect key for UMRs, as mlx5dv_create_mkey(3) makes it: nothing else is known here. */
static struct verdict create_mkey(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE,   F_FREE,     F_UMR_ENABLED,  F_RW,
				       F_RR,	   F_LW,       F_LR,	       F_ACCESS_MODE,
				       F_MKEY_QPN, F_TAG,      F_BSF_ENABLED,  F_INVALIDATED,
				       F_MKEY_PD,  F_BSF_SIZE, F_TRANSLATIONS, F_CRYPTO_ENABLED};
	struct object model = {.kind = MKEY};
	uint32_t crypto, parts;
	struct mkey *m;

	if (inlen < 0x280 / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	crypto = get_field(in, F_CRYPTO_ENABLED);
	parts = get_field(in, F_TRANSLATIONS);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!get_field(in, F_FREE) || !get_field(in, F_UMR_ENABLED) ||
	    get_field(in, F_ACCESS_MODE) != ACCESS_MODE_KLM || get_field(in, F_MKEY_QPN) != NO_QPN || parts < 1 ||
	    parts > 1024 || crypto > 1)
		return REFUSE(BAD_PARAM, MKEY_CONTEXT);
	if (crypto && !c->nic->image->engines)
		return REFUSE(BAD_PARAM, NO_CRYPTO);
	if (get_field(in, F_BSF_SIZE) % 4 || get_field(in, F_BSF_SIZE) > 8 ||
	    !get_field(in, F_BSF_ENABLED) != !get_field(in, F_BSF_SIZE) || (crypto && !get_field(in, F_BSF_ENABLED)))
		return REFUSE(BAD_PARAM, MKEY_CONTEXT);
	model.pd = get_field(in, F_MKEY_PD);
	if (!object_at(c, model.pd - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	m = add_mkey(c, &model, parts, handle);
	if (!m)
		return REFUSE(NO_RES, 0);
	m->is_free = true;
	m->access = get_field(in, F_LR) ? LOCAL_READ : 0;
	m->access |= (get_field(in, F_LW) ? LOCAL_WRITE : 0) | (get_field(in, F_RR) ? REMOTE_READ : 0) |
		     (get_field(in, F_RW) ? REMOTE_WRITE : 0);
	m->tag = get_field(in, F_TAG);
	m->can_be_invalidated = get_field(in, F_INVALIDATED);
	m->crypto_enabled = crypto;
	m->bsf_octowords = get_field(in, F_BSF_SIZE);
	return DONE;
}
