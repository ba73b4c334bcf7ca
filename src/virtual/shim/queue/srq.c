/*
 * Shared receive queues: entries in a list of their own order, each of which names the next (PRM, "SRQ WQE"):
 *
 *     next   index 2 (16 bits), then data segments from byte 16 on
 *
 * Left out: resizing, XRC and tag matching.
 */

struct srq {
	struct body body;
	uint64_t buffer, record; /* record: how many were posted */
	uint32_t entries, shift; /* bytes of an entry: 1 << shift */
	uint32_t pd, max_wr, max_sge;
	uint32_t limit; /* the program is told when less is posted; 0: not, or not again */
	uint32_t events; /* how often it was told */
	uint64_t user; /* what an event says */
	uint16_t head, taken;
};

enum { SRQ_LIMIT = 1 << 1 /* of an attr_mask */, SRQ_MOST = 1 << 15, SRQ_MOST_SGE = 31, SRQ_NEXT = 2, SRQ_DATA = 16 };

static int create_srq(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_create_srq *in = request;
	struct object model = {.kind = SRQ, .pd = in->pd_handle + 1};
	struct ib_uverbs_create_srq_resp out = {.max_wr = in->max_wr, .max_sge = in->max_sge};
	struct mlx5_ib_create_srq driver = {0};
	struct mlx5_ib_create_srq_resp driver_out = {0};
	uint32_t shift = 5, entries;
	struct srq *s;

	if (!a[3] || a[3]->len < 16 || !object_at(c, in->pd_handle, PD) || in->max_wr > SRQ_MOST ||
	    in->max_sge > SRQ_MOST_SGE || in->srq_limit > in->max_wr)
		return EINVAL;
	memcpy(&driver, in_ptr(a[3]), a[3]->len < sizeof(driver) ? a[3]->len : sizeof(driver));
	if (driver.flags || driver.reserved0 || driver.reserved1 || driver.db_addr % 8)
		return EINVAL;
	while (1u << shift < SRQ_DATA + 16 * in->max_sge)
		shift++;
	entries = power_of_two(in->max_wr + 1);
	if (!is_mapped(driver.buf_addr, (uint64_t)entries << shift) || !is_mapped(driver.db_addr, 8))
		return EFAULT;
	if (!add_object(c, &model, &out.srq_handle))
		return ENOMEM;
	c->objects[out.srq_handle].id = out.srqn = driver_out.srqn = out.srq_handle + 1;
	s = add_body(c, out.srq_handle, sizeof(*s));
	if (!s) {
		free_object(c, out.srq_handle);
		return ENOMEM;
	}
	s->buffer = driver.buf_addr, s->record = driver.db_addr;
	s->entries = entries, s->shift = shift;
	s->pd = model.pd;
	s->max_wr = in->max_wr, s->max_sge = in->max_sge, s->limit = in->srq_limit;
	s->user = in->user_handle;
	put_out(a[1], &out, sizeof(out));
	put_out(a[4], &driver_out, sizeof(driver_out));
	return 0;
}

/* Tells the program, once, when less is posted than it wants to be. */
static void tell_limit(struct srq *s)
{
	const struct ib_uverbs_async_event_desc event = {.element = s->user, .event_type = EVENT_SRQ_LIMIT_REACHED};
	uint32_t posted;

	if (!s->limit || !fetch_record(s->record, s->taken, &posted) || (uint16_t)(posted - s->taken) >= s->limit)
		return;
	s->limit = 0;
	s->events += send_async(s->body.context, &event);
}

static int modify_srq(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_modify_srq *in = request;
	struct srq *s = body_at(c, in->srq_handle, SRQ);

	(void)a;
	if (!s || in->attr_mask & ~SRQ_LIMIT || (in->attr_mask & SRQ_LIMIT && in->srq_limit > s->max_wr))
		return EINVAL;
	if (in->attr_mask & SRQ_LIMIT) {
		s->limit = in->srq_limit;
		tell_limit(s);
	}
	return 0;
}

static int query_srq(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_query_srq *in = request;
	struct srq *s = body_at(c, in->srq_handle, SRQ);
	struct ib_uverbs_query_srq_resp out = {0};

	if (!s)
		return EINVAL;
	out.max_wr = s->max_wr, out.max_sge = s->max_sge, out.srq_limit = s->limit;
	put_out(a[1], &out, sizeof(out));
	return 0;
}

/* EBUSY while a QP has it, in whichever process. */
static int destroy_srq(struct context *c, attrs a)
{
	struct ib_uverbs_destroy_srq_resp out = {0};
	uint32_t handle = (uint32_t)a[0]->data;
	struct srq *s;

	settle();
	if (!object_at(c, handle, SRQ))
		return ENOENT;
	for (uint32_t i = 0; LOAD(c->objects[handle].cq[0]) && i < c->shared->count && i < OBJECTS; i++)
		if (LOAD(c->objects[i].kind) == QP && c->objects[i].srq == handle + 1)
			return EBUSY;
	s = body_at(c, handle, SRQ);
	if (s) /* libibverbs waits until the program has acknowledged so many */
		out.events_reported = s->events - take_async(c, s->user);
	free_object(c, handle);
	put_out(a[1], &out, sizeof(out));
	return 0;
}
