/*
 * The states of a QP: modified and queried by uverbs, as the kernel checks it (ib_modify_qp_is_ok), and
 * modified by firmware commands (mlx5dv_devx_qp_modify), which also know force loopback. Left out: SQE,
 * alternate paths, path migration. Timeouts, PSNs and the like are kept and have no effect.
 */

enum attr_mask {
	A_STATE = 1 << 0,
	A_CURRENT_STATE = 1 << 1,
	A_ACCESS = 1 << 3,
	A_PKEY = 1 << 4,
	A_PORT = 1 << 5,
	A_QKEY = 1 << 6,
	A_AV = 1 << 7,
	A_MTU = 1 << 8,
	A_TIMEOUT = 1 << 9,
	A_RETRIES = 1 << 10,
	A_RNR_RETRIES = 1 << 11,
	A_RQ_PSN = 1 << 12,
	A_READS = 1 << 13,
	A_RNR_TIMER = 1 << 15,
	A_SQ_PSN = 1 << 16,
	A_DEST_READS = 1 << 17,
	A_DEST_QPN = 1 << 20,
};

enum {
	CONNECTION = 1 << QP_TYPE_RC | 1 << QP_TYPE_UC,
	RC = 1 << QP_TYPE_RC,
	UC = 1 << QP_TYPE_UC,
	UD = 1 << QP_TYPE_UD
};

/* What a change of state needs, and what else it may have; `types`: a bit for each type of QP. */
static const struct {
	enum qp_state from, to;
	uint8_t types;
	uint32_t needs, may;
} changes[] = {
	{RESET, INIT, CONNECTION, A_PKEY | A_PORT | A_ACCESS, 0},
	{RESET, INIT, UD, A_PKEY | A_PORT | A_QKEY, 0},
	{INIT, INIT, CONNECTION, 0, A_PKEY | A_PORT | A_ACCESS},
	{INIT, INIT, UD, 0, A_PKEY | A_PORT | A_QKEY},
	{INIT, RTR, RC, A_AV | A_MTU | A_DEST_QPN | A_RQ_PSN | A_DEST_READS | A_RNR_TIMER, A_ACCESS | A_PKEY},
	{INIT, RTR, UC, A_AV | A_MTU | A_DEST_QPN | A_RQ_PSN, A_ACCESS | A_PKEY},
	{INIT, RTR, UD, 0, A_PKEY | A_QKEY},
	{RTR, RTS, RC, A_TIMEOUT | A_RETRIES | A_RNR_RETRIES | A_SQ_PSN | A_READS,
	 A_CURRENT_STATE | A_ACCESS | A_RNR_TIMER},
	{RTR, RTS, UC, A_SQ_PSN, A_CURRENT_STATE | A_ACCESS},
	{RTR, RTS, UD, A_SQ_PSN, A_CURRENT_STATE | A_QKEY},
	{RTS, RTS, RC, 0, A_CURRENT_STATE | A_ACCESS | A_RNR_TIMER},
	{RTS, RTS, UC, 0, A_CURRENT_STATE | A_ACCESS},
	{RTS, RTS, UD, 0, A_CURRENT_STATE | A_QKEY},
	{RTS, SQD, CONNECTION | UD, 0, 0},
	{SQD, RTS, CONNECTION | UD, 0, A_CURRENT_STATE},
};

static bool may_change(const struct qp *q, enum qp_state to, uint32_t mask)
{
	const enum qp_state from = q->attr.qp_state;

	if (to == RESET || to == ERROR)
		return !(mask & ~(A_STATE | A_CURRENT_STATE));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (changes[i].from == from && changes[i].to == to && changes[i].types & 1 << q->type)
			return (mask & changes[i].needs) == changes[i].needs &&
			       !(mask & ~(A_STATE | changes[i].needs | changes[i].may));
	return false;
}

/* All of enum ibv_access_flags: mlx5_ib looks at none but the remote ones, and pyverbs sets others as well. */
#define ACCESS_FLAGS (0x3ffu | IB_UVERBS_ACCESS_OPTIONAL_RANGE)

/* The port is Ethernet, so that an address is a GID; there is one port, one GID, one partition. */
static bool are_values_good(const struct ib_uverbs_modify_qp *m)
{
	const uint32_t mask = m->attr_mask;
	const struct ib_uverbs_qp_dest *d = &m->dest;

	return (!(mask & A_ACCESS) || !(m->qp_access_flags & ~ACCESS_FLAGS)) &&
	       (!(mask & A_PKEY) || m->pkey_index == 0) && (!(mask & A_PORT) || m->port_num == 1) &&
	       (!(mask & A_MTU) || (m->path_mtu >= 1 && m->path_mtu <= 5)) &&
	       (!(mask & A_TIMEOUT) || m->timeout < 32) && (!(mask & A_RETRIES) || m->retry_cnt < 8) &&
	       (!(mask & A_RNR_RETRIES) || m->rnr_retry < 8) && (!(mask & A_RNR_TIMER) || m->min_rnr_timer < 32) &&
	       (!(mask & A_READS) || m->max_rd_atomic <= 16) &&
	       (!(mask & A_DEST_READS) || m->max_dest_rd_atomic <= 16) &&
	       (!(mask & A_DEST_QPN) || m->dest_qp_num < 1 << 24) && (!(mask & A_RQ_PSN) || m->rq_psn < 1 << 24) &&
	       (!(mask & A_SQ_PSN) || m->sq_psn < 1 << 24) &&
	       (!(mask & A_AV) || (d->is_global == 1 && d->sgid_index == 0 && d->port_num == 1 && d->sl < 16));
}

/* Returns an errno. */
static int set_state(struct qp *q, enum qp_state state)
{
	if ((state == RTS || (state == RTR && !q->loops)) && !start_engine())
		return ENOMEM;
	if (state == RTR && !q->loops)
		join_wire(q); /* without it, others of this process can reach it still */
	if (state == RESET) {
		reset_queues(q);
		leave_wire(q);
		q->loops = false;
		q->peer_nic = NULL;
	}
	q->attr.qp_state = state;
	if (state == ERROR) {
		to_error(q);
		start_engine(); /* without it, what is posted from now on is not flushed */
	}
	return 0;
}

/* What is set by a modify and told by a query, under one name in both: the bit of its mask, and the field. */
#define VALUES(X)                                                                                                      \
	X(A_ACCESS, qp_access_flags)                                                                                   \
	X(A_PKEY, pkey_index)                                                                                          \
	X(A_PORT, port_num)                                                                                            \
	X(A_QKEY, qkey)                                                                                                \
	X(A_AV, dest)                                                                                                  \
	X(A_MTU, path_mtu)                                                                                             \
	X(A_TIMEOUT, timeout)                                                                                          \
	X(A_RETRIES, retry_cnt)                                                                                        \
	X(A_RNR_RETRIES, rnr_retry)                                                                                    \
	X(A_RQ_PSN, rq_psn)                                                                                            \
	X(A_SQ_PSN, sq_psn)                                                                                            \
	X(A_READS, max_rd_atomic)                                                                                      \
	X(A_DEST_READS, max_dest_rd_atomic)                                                                            \
	X(A_RNR_TIMER, min_rnr_timer)                                                                                  \
	X(A_DEST_QPN, dest_qp_num)

static void take_values(struct ib_uverbs_modify_qp *to, const struct ib_uverbs_modify_qp *m)
{
	const uint32_t mask = m->attr_mask;

#define TAKE(bit, field)                                                                                               \
	if (mask & (bit))                                                                                              \
		to->field = m->field;
	VALUES(TAKE)
#undef TAKE
}

static int modify_qp(struct context *c, const void *in, attrs a)
{
	const struct ib_uverbs_modify_qp *m = in;
	struct qp *q;
	enum qp_state to;
	int error = 0;

	(void)a;
	settle();
	q = body_at(c, m->qp_handle, QP);
	if (!q)
		return EINVAL;
	to = m->attr_mask & A_STATE ? m->qp_state : q->attr.qp_state;
	if ((m->attr_mask & A_CURRENT_STATE && m->cur_qp_state != q->attr.qp_state) || m->reserved[0] ||
	    m->reserved[1] || !may_change(q, to, m->attr_mask) || !are_values_good(m))
		return EINVAL;
	if (m->attr_mask & A_AV && LOAD(c->nic->image->no_gid)) /* that the source address is one of */
		return EINVAL;
	if (m->attr_mask & A_STATE)
		error = set_state(q, to);
	if (!error)
		take_values(&q->attr, m);
	if (!error && m->attr_mask & A_AV)
		q->peer_nic = find_nic(q->attr.dest.dgid);
	return error;
}

static int modify_qp_extended(struct context *c, const void *in, attrs a)
{
	const struct ib_uverbs_ex_modify_qp *m = in;
	const struct mlx5_ib_modify_qp_resp driver = {.response_length = sizeof(driver)};
	const struct ib_uverbs_ex_modify_qp_resp out = {.response_length = sizeof(out)};
	int error = m->rate_limit || m->reserved ? EOPNOTSUPP : modify_qp(c, &m->base, a);

	if (error)
		return error;
	put_out(a[1], &out, sizeof(out));
	put_out(a[4], &driver, sizeof(driver));
	return 0;
}

static int query_qp(struct context *c, const void *in, attrs a)
{
	const struct ib_uverbs_query_qp *query = in;
	struct qp *q = body_at(c, query->qp_handle, QP);
	struct ib_uverbs_query_qp_resp out = {0};

	if (!q)
		return EINVAL;
#define TELL(bit, field) out.field = q->attr.field;
	VALUES(TELL)
#undef TELL
	out.qp_state = out.cur_qp_state = q->attr.qp_state;
	out.max_send_wr = q->cap.max_send_wr;
	out.max_recv_wr = q->queues.rq_entries;
	out.max_send_sge = q->cap.max_send_sge;
	out.max_recv_sge = q->cap.max_recv_sge;
	out.max_inline_data = q->cap.max_inline_data;
	out.sq_sig_all = q->signal_all;
	put_out(a[1], &out, sizeof(out));
	return 0;
}
