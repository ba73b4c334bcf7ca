/*
 * Memory keys: memory regions (ibv_reg_mr), and MKeys that a DEVX command makes free and a UMR lays out: a list or an
 * interleaved pattern over other keys, with AES-XTS in between if it says so (umr.c, cipher.c). Left out: memory
 * windows, on-demand paging, re-registration, device memory, dma-buf.
 */

enum access { LOCAL_READ = 4, LOCAL_WRITE = 8, REMOTE_READ = 0x10, REMOTE_WRITE = 0x20 }; /* as in a mkey context */

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

struct mkey {
	struct body body;
	uint32_t pd, access;
	uint8_t tag; /* the low 8 bits of the key */
	bool is_free;
	uint64_t start, length;
	uint64_t host; /* MR: where `start` lies */
	uint32_t bsf_octowords; /* room for BSFs */
	bool crypto_enabled;
	struct crypto crypto;
	uint32_t room, count, repeat; /* of the layout; 0 times: once */
	struct part part[];
};

/* The key with this number on a NIC. Also while data is moved, without the mutex. */
static struct mkey *find_mkey(const struct nic *nic, uint32_t key)
{
	uint32_t index = key >> 8;

	for (struct body *b = LOAD(buckets[index % BUCKETS]); b; b = b->next) {
		struct mkey *m = (struct mkey *)b;

		if ((b->kind == MR || b->kind == MKEY) && b->number == index && b->context->nic == nic &&
		    m->tag == (key & 0xff))
			return is_alive(b) ? m : NULL;
	}
	return NULL;
}

/* A new object of kind MR or MKEY with its body. NULL: no room. */
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
	return m;
}

enum {
	MR_FLAGS = IB_UVERBS_ACCESS_LOCAL_WRITE | IB_UVERBS_ACCESS_REMOTE_WRITE | IB_UVERBS_ACCESS_REMOTE_READ |
		   IB_UVERBS_ACCESS_REMOTE_ATOMIC | IB_UVERBS_ACCESS_MW_BIND | IB_UVERBS_ACCESS_ZERO_BASED |
		   IB_UVERBS_ACCESS_HUGETLB | IB_UVERBS_ACCESS_RELAXED_ORDERING,
};

static int reg_mr(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_reg_mr *in = request;
	const uint32_t flags = in->access_flags, page = sysconf(_SC_PAGESIZE);
	struct object model = {.kind = MR, .pd = in->pd_handle + 1, .length = in->length};
	struct ib_uverbs_reg_mr_resp out = {0};
	struct mkey *m;

	if (flags & IB_UVERBS_ACCESS_ON_DEMAND)
		return EOPNOTSUPP;
	if (!object_at(c, in->pd_handle, PD) || flags & ~MR_FLAGS)
		return EINVAL;
	if (flags & (IB_UVERBS_ACCESS_REMOTE_WRITE | IB_UVERBS_ACCESS_REMOTE_ATOMIC) &&
	    !(flags & IB_UVERBS_ACCESS_LOCAL_WRITE))
		return EINVAL;
	if (!(flags & IB_UVERBS_ACCESS_ZERO_BASED) && in->start % page != in->hca_va % page)
		return EINVAL;
	if (!is_mapped(in->start, in->length))
		return EFAULT;
	m = add_mkey(c, &model, 0, &out.mr_handle);
	if (!m)
		return ENOMEM;
	m->start = flags & IB_UVERBS_ACCESS_ZERO_BASED ? 0 : in->hca_va;
	m->host = in->start;
	m->length = in->length;
	m->access = LOCAL_READ | (flags & IB_UVERBS_ACCESS_LOCAL_WRITE ? LOCAL_WRITE : 0) |
		    (flags & IB_UVERBS_ACCESS_REMOTE_WRITE ? REMOTE_WRITE : 0) |
		    (flags & IB_UVERBS_ACCESS_REMOTE_READ ? REMOTE_READ : 0);
	out.lkey = out.rkey = model.id << 8;
	put_out(a[1], &out, sizeof(out));
	return 0;
}

static int dereg_mr(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data;

	settle();
	if (!object_at(c, handle, MR))
		return ENOENT;
	free_object(c, handle);
	return 0;
}

/* For ibv_import_mr. */
static int query_mr(struct context *c, attrs a)
{
	const struct object *o = object_at(c, (uint32_t)a[0]->data, MR);
	uint32_t key = o ? o->id << 8 : 0;

	if (!o)
		return ENOENT;
	put_out(a[1], &key, sizeof(key));
	put_out(a[2], &key, sizeof(key));
	put_out(a[3], &o->length, sizeof(o->length));
	return 0;
}

/* CREATE_MKEY: the mkey context stands at bit 0x80. */
enum { MKC = 0x80, ACCESS_MODE_KLM = 2, NO_QPN = 0xffffff };
static const struct field F_FREE = {MKC + 0x1, 1}, F_UMR_ENABLED = {MKC + 0x10, 1}, F_RW = {MKC + 0x12, 1};
static const struct field F_RR = {MKC + 0x13, 1}, F_LW = {MKC + 0x14, 1}, F_LR = {MKC + 0x15, 1};
static const struct field F_ACCESS_MODE = {MKC + 0x16, 2}, F_MKEY_QPN = {MKC + 0x20, 24}, F_TAG = {MKC + 0x38, 8};
static const struct field F_BSF_ENABLED = {MKC + 0x61, 1}, F_MKEY_PD = {MKC + 0x68, 24};
static const struct field F_BSF_SIZE = {MKC + 0x100, 32}, F_TRANSLATIONS = {MKC + 0x1a0, 32};
static const struct field F_CRYPTO_ENABLED = {MKC + 0x1e3, 2};

/* A free indirect key for UMRs, as mlx5dv_create_mkey(3) makes it: nothing else is known here. */
static struct verdict create_mkey(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE,      F_FREE,	 F_UMR_ENABLED, F_RW,		F_RR,
				       F_LW,	      F_LR,	 F_ACCESS_MODE, F_MKEY_QPN,	F_TAG,
				       F_BSF_ENABLED, F_MKEY_PD, F_BSF_SIZE,	F_TRANSLATIONS, F_CRYPTO_ENABLED};
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
	m->crypto_enabled = crypto;
	m->bsf_octowords = get_field(in, F_BSF_SIZE);
	return DONE;
}
