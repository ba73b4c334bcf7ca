/*
 * Completion queues: created, resized and destroyed, and CQEs of 64 and 128 bytes written (PRM, "CQE fields"). A NIC
 * may compress CQEs and need not, so this one takes the wish and does not. Left out: moderation (each completion may
 * be an event), and the error of an overrun: a work request waits until there is room.
 */

struct cq {
	struct body body;
	uint64_t buffer, record;
	uint32_t entries, cqe_bytes, producer;
	uint32_t solicited; /* the producer index behind the last completion that is an event for those who want few */
	struct channel *channel; /* or NULL */
	int channel_fd; /* the program's */
	uint64_t user; /* what an event says */
	uint32_t events, armed; /* how many were written; what the arm record was when it was last looked at */
	uint8_t answered; /* the sequence number of the last event */
	uint32_t umem[2]; /* ids of the memory that it is in, 0: none */
};

/* An arm record that no program writes: the first one of a program looks like a record of zeros. */
#define NEVER_ARMED UINT32_MAX
enum { CQ_MOST = (1 << 22) - 1, ARM_RECORD = 4, ARM_SOLICITED = 1 << 24, NEVER_ANSWERED = 4 };
enum {
	CQ_FLAGS = MLX5_IB_CREATE_CQ_FLAGS_CQE_128B_PAD | MLX5_IB_CREATE_CQ_FLAGS_UAR_PAGE_INDEX |
		   MLX5_IB_CREATE_CQ_FLAGS_REAL_TIME_TS,
	CQ_CREATE_FLAGS = IB_UVERBS_CQ_FLAGS_TIMESTAMP_COMPLETION | IB_UVERBS_CQ_FLAGS_IGNORE_OVERRUN,
};

/* The lowest one that is not below n. */
static uint32_t power_of_two(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

/* Returns an errno. */
static int check_cq(struct context *c, const struct mlx5_ib_create_cq *in, uint32_t cqe, attrs a)
{
	if (cqe < 1 || cqe > CQ_MOST || (uint32_t)a[4]->data != 0 || (in->cqe_size != 64 && in->cqe_size != 128) ||
	    in->reserved0 || in->reserved1 || in->flags & ~CQ_FLAGS || in->db_addr % 8)
		return EINVAL;
	if (in->flags & MLX5_IB_CREATE_CQ_FLAGS_UAR_PAGE_INDEX && !object_at(c, in->uar_page_index - 1, UAR))
		return EINVAL;
	if (in->cqe_comp_en > 1 || (in->cqe_comp_en && (in->cqe_comp_res_format & (in->cqe_comp_res_format - 1))))
		return EINVAL;
	return a[5] && (uint32_t)a[5]->data & ~CQ_CREATE_FLAGS ? EOPNOTSUPP : 0;
}

/* A new CQ with its body. NULL: no room. */
static struct cq *add_cq(struct context *c, const struct object *model, uint32_t *handle, uint64_t buffer,
			 uint64_t record, uint32_t entries, uint32_t cqe_bytes)
{
	struct cq *cq;

	if (!add_object(c, model, handle))
		return NULL;
	c->objects[*handle].id = *handle + 1;
	cq = add_body(c, *handle, sizeof(*cq));
	if (!cq) {
		free_object(c, *handle);
		return NULL;
	}
	cq->buffer = buffer, cq->record = record;
	cq->entries = entries, cq->cqe_bytes = cqe_bytes;
	cq->armed = NEVER_ARMED;
	cq->answered = NEVER_ANSWERED;
	return cq;
}

static int create_cq(struct context *c, attrs a)
{
	const struct object model = {.kind = CQ};
	const uint32_t never = NEVER_ARMED;
	struct mlx5_ib_create_cq in = {0};
	struct mlx5_ib_create_cq_resp out = {0};
	struct channel *channel = a[3] ? find_channel((int)a[3]->data_s64) : NULL;
	uint32_t cqe = (uint32_t)a[1]->data, entries, handle;
	struct cq *cq;
	int error;

	memcpy(&in, in_ptr(a[8]), a[8]->len < sizeof(in) ? a[8]->len : sizeof(in));
	error = check_cq(c, &in, cqe, a);
	if (error)
		return error;
	if (a[3] && !channel)
		return EBADF;
	entries = power_of_two(cqe + 1);
	if (!is_mapped(in.buf_addr, (uint64_t)entries * in.cqe_size) ||
	    !store(in.db_addr + ARM_RECORD, &never, sizeof(never)))
		return EFAULT;
	cq = add_cq(c, &model, &handle, in.buf_addr, in.db_addr, entries, in.cqe_size);
	if (!cq)
		return ENOMEM;
	cq->user = *(const uint64_t *)in_ptr(a[2]);
	cq->channel = channel;
	if (channel) {
		cq->channel_fd = (int)a[3]->data_s64;
		channel->users++;
	}
	out.cqn = handle + 1;
	cqe = entries - 1;
	a[0]->data = handle;
	put_out(a[6], &cqe, sizeof(cqe));
	put_out(a[9], &out, sizeof(out));
	return 0;
}

/* Whether a QP has it, in whichever process. */
static bool is_cq_used(const struct context *c, uint32_t handle)
{
	if (!LOAD(c->objects[handle].cq[0]))
		return false;
	for (uint32_t i = 0; i < c->shared->count && i < OBJECTS; i++) {
		const struct object *o = &c->objects[i];

		if (LOAD(o->kind) == QP && (o->cq[0] == handle + 1 || o->cq[1] == handle + 1))
			return true;
	}
	return false;
}

/* libibverbs waits until the program has seen all events but these. */
static int destroy_cq(struct context *c, attrs a)
{
	struct ib_uverbs_destroy_cq_resp out = {0};
	uint32_t handle = (uint32_t)a[0]->data;
	struct cq *cq;

	settle();
	if (!object_at(c, handle, CQ) || c->objects[handle].size == BY_COMMAND)
		return ENOENT;
	if (is_cq_used(c, handle))
		return EBUSY;
	cq = body_at(c, handle, CQ);
	if (cq && cq->channel)
		out.comp_events_reported = cq->events - take_events(cq->channel, cq->channel_fd, cq->user);
	free_object(c, handle);
	put_out(a[1], &out, sizeof(out));
	return 0;
}

static void release_cq(struct body *b)
{
	struct cq *cq = (struct cq *)b;

	if (cq->channel)
		cq->channel->users--;
	leave_umems(b->context, cq->umem);
}

static bool has_place(const struct cq *cq)
{
	uint32_t consumer;

	return fetch_record(cq->record, cq->producer & 0xffffff, &consumer) &&
	       ((cq->producer - consumer) & 0xffffff) < cq->entries;
}

/* Writes an event if the program armed the CQ and there is something that it has not seen. */
static void notify(struct cq *cq)
{
	uint32_t behind;

	if (!cq->channel || !fetch_record(cq->record + ARM_RECORD, cq->armed, &cq->armed) || cq->armed == NEVER_ARMED ||
	    cq->armed >> 28 == cq->answered)
		return;
	behind = ((cq->armed & ARM_SOLICITED ? cq->solicited : cq->producer) - cq->armed) & 0xffffff;
	if (behind == 0 || behind > CQ_MOST + 1 || !send_event(cq->channel, cq->user))
		return;
	cq->events++;
	cq->answered = cq->armed >> 28;
}

enum cqe_opcode {
	CQE_REQ = 0,
	CQE_WRITE_IMM = 1,
	CQE_SEND = 2,
	CQE_SEND_IMM = 3,
	CQE_SEND_INVALIDATE = 4,
	CQE_RESIZED = 5,
	CQE_SIGNATURE_ERROR = 12,
	CQE_REQ_ERR = 13,
	CQE_RESP_ERR = 14
};

enum cqe_syndrome {
	LOCAL_LENGTH = 1,
	LOCAL_QP_OP = 2,
	LOCAL_PROTECTION = 4,
	FLUSHED = 5,
	BAD_BIND = 6,
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
	bool has_grh; /* the first 40 bytes of what was received are an address */
	uint32_t bytes, immediate, user_index, qpn, remote_qpn;
};

/* The byte with the owner bit is written last: the program looks at it first. */
static void write_cqe(struct cq *cq, const uint8_t e[64])
{
	uint64_t at = cq->buffer + (uint64_t)(cq->producer & (cq->entries - 1)) * cq->cqe_bytes + cq->cqe_bytes - 64;
	uint8_t last = e[63] | (cq->producer & cq->entries ? 1 : 0);

	store(at, e, 63);
	store(at + 63, &last, 1);
	cq->producer++;
}

static void put_cqe(struct cq *cq, const struct cqe *v)
{
	uint64_t stamp = htobe64(now_ns());
	uint8_t e[64] = {0};

	put32(e + 24, (v->has_grh ? 1u << 28 : 0) | v->remote_qpn);
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
	e[63] = v->opcode << 4 | (v->solicited ? 2 : 0);
	write_cqe(cq, e);
	if (v->solicited || v->syndrome)
		cq->solicited = cq->producer;
	notify(cq);
}

/*
 * The program has made another buffer: the last CQE in the old one says so, and those that it has not seen yet it
 * copies itself.
 */
static int resize_cq(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_resize_cq *in = request;
	struct mlx5_ib_resize_cq driver = {0};
	struct ib_uverbs_resize_cq_resp out = {0};
	const uint8_t resized[64] = {[63] = CQE_RESIZED << 4};
	uint32_t entries, consumer;
	struct cq *cq;

	if (!a[3] || a[3]->len < offsetof(struct mlx5_ib_resize_cq, reserved0))
		return EINVAL;
	memcpy(&driver, in_ptr(a[3]), a[3]->len < sizeof(driver) ? a[3]->len : sizeof(driver));
	settle();
	cq = body_at(c, in->cq_handle, CQ);
	if (!cq || in->cqe < 1 || in->cqe > CQ_MOST || driver.reserved0 || driver.reserved1 ||
	    (driver.cqe_size != 64 && driver.cqe_size != 128))
		return EINVAL;
	entries = power_of_two(in->cqe + 1);
	if (!is_mapped(driver.buf_addr, (uint64_t)entries * driver.cqe_size) ||
	    !fetch_record(cq->record, cq->producer & 0xffffff, &consumer))
		return EFAULT;
	if (!has_place(cq) || ((cq->producer - consumer) & 0xffffff) + 1 > entries)
		return EINVAL; /* more is in there than fits, or there is no room to say so */
	write_cqe(cq, resized);
	cq->buffer = driver.buf_addr;
	cq->entries = entries;
	cq->cqe_bytes = driver.cqe_size;
	out.cqe = entries - 1;
	put_out(a[1], &out, sizeof(out));
	return 0;
}
