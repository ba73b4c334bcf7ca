/*
 * Completion queues: created and destroyed, and CQEs of 64 and 128 bytes written (PRM, "CQE fields"). Left out:
 * events and channels, compressed CQEs, resizing, moderation, an overrun (a work request waits until there is room).
 *
 */

struct cq {
	struct body body;
	uint64_t buffer, record;
	uint32_t entries, cqe_bytes, producer;
};

enum { CQ_MOST = (1 << 22) - 1, ARM_RECORD = 4 };

static int create_cq(struct context *c, attrs a)
{
	const struct object model = {.kind = CQ};
	const uint32_t never = UINT32_MAX;
	struct mlx5_ib_create_cq in = {0};
	struct mlx5_ib_create_cq_resp out = {0};
	uint32_t cqe = (uint32_t)a[1]->data, entries = 1, handle;
	struct cq *cq;

	if (a[3])
		return EOPNOTSUPP; /* a completion channel */
	memcpy(&in, in_ptr(a[8]), a[8]->len < sizeof(in) ? a[8]->len : sizeof(in));
	if (cqe < 1 || cqe > CQ_MOST || (uint32_t)a[4]->data != 0 || (in.cqe_size != 64 && in.cqe_size != 128) ||
	    in.reserved0 || in.reserved1 ||
	    in.flags & ~(MLX5_IB_CREATE_CQ_FLAGS_CQE_128B_PAD | MLX5_IB_CREATE_CQ_FLAGS_UAR_PAGE_INDEX) ||
	    in.db_addr % 8)
		return EINVAL;
	if (in.flags & MLX5_IB_CREATE_CQ_FLAGS_UAR_PAGE_INDEX && !object_at(c, in.uar_page_index - 1, UAR))
		return EINVAL;
	if (in.cqe_comp_en || (a[5] && (uint32_t)a[5]->data))
		return EOPNOTSUPP;
	while (entries < cqe + 1)
		entries *= 2;
	/* An arm of the first CQE looks like a record of zeros: what never armed has to look otherwise. */
	if (!is_mapped(in.buf_addr, (uint64_t)entries * in.cqe_size) ||
	    !store(in.db_addr + ARM_RECORD, &never, sizeof(never)))
		return EFAULT;
	if (!add_object(c, &model, &handle))
		return ENOMEM;
	c->objects[handle].id = handle + 1;
	cq = add_body(c, handle, sizeof(*cq));
	if (!cq) {
		free_object(c, handle);
		return ENOMEM;
	}
	cq->buffer = in.buf_addr;
	cq->record = in.db_addr;
	cq->entries = entries;
	cq->cqe_bytes = in.cqe_size;
	out.cqn = handle + 1;
	cqe = entries - 1;
	a[0]->data = handle;
	put_out(a[6], &cqe, sizeof(cqe));
	put_out(a[9], &out, sizeof(out));
	return 0;
}

/* EBUSY while a QP has it, in whichever process. */
static int destroy_cq(struct context *c, attrs a)
{
	const struct ib_uverbs_destroy_cq_resp out = {0};
	uint32_t handle = (uint32_t)a[0]->data;

	settle();
	if (!object_at(c, handle, CQ))
		return ENOENT;
	for (uint32_t i = 0; i < c->shared->count && i < OBJECTS; i++) {
		const struct object *o = &c->objects[i];

		if (LOAD(o->kind) == QP && (o->cq[0] == handle + 1 || o->cq[1] == handle + 1))
			return EBUSY;
	}
	free_object(c, handle);
	put_out(a[1], &out, sizeof(out));
	return 0;
}

static bool has_place(const struct cq *cq)
{
	uint32_t consumer;

	return fetch_record(cq->record, cq->producer & 0xffffff, &consumer) &&
	       ((cq->producer - consumer) & 0xffffff) < cq->entries;
}

enum cqe_opcode { CQE_REQ = 0, CQE_WRITE_IMM = 1, CQE_SEND = 2, CQE_SEND_IMM = 3, CQE_REQ_ERR = 13, CQE_RESP_ERR = 14 };

enum cqe_syndrome {
	LOCAL_LENGTH = 1,
	LOCAL_QP_OP = 2,
	LOCAL_PROTECTION = 4,
	FLUSHED = 5,
	REMOTE_INVALID = 0x12,
	REMOTE_ACCESS = 0x13,
	REMOTE_OP = 0x14,
	RETRY_EXCEEDED = 0x15,
	RNR_EXCEEDED = 0x16,
};

struct cqe {
	enum cqe_opcode opcode;
	uint8_t syndrome; /* enum cqe_syndrome, 0 for none */
	uint8_t wqe_opcode;
	bool solicited;
	uint16_t wqe_counter;
	uint32_t bytes, immediate, user_index, qpn, remote_qpn;
};

/* The byte with the owner bit is written last: the program looks at it first. */
static void put_cqe(struct cq *cq, const struct cqe *v)
{
	uint64_t at = cq->buffer + (uint64_t)(cq->producer & (cq->entries - 1)) * cq->cqe_bytes + cq->cqe_bytes - 64;
	uint64_t stamp = htobe64(now_ns());
	uint8_t e[64] = {0};

	put32(e + 24, v->remote_qpn);
	put32(e + 32, v->user_index);
	memcpy(e + 36, &v->immediate, 4); /* as it came, big-endian */
	put32(e + 44, v->bytes);
	if (v->syndrome)
		e[55] = v->syndrome;
	else
		memcpy(e + 48, &stamp, 8);
	put32(e + 56, (uint32_t)v->wqe_opcode << 24 | v->qpn);
	e[60] = v->wqe_counter >> 8;
	e[61] = v->wqe_counter;
	e[63] = v->opcode << 4 | (v->solicited ? 2 : 0) | (cq->producer & cq->entries ? 1 : 0);
	store(at, e, 63);
	store(at + 63, e + 63, 1);
	cq->producer++;
}
