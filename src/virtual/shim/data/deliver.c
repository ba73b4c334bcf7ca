/*
 * What a QP does with a message that comes to it, from a QP of this process or over the wire: SEND takes a receive,
 * RDMA and atomics go to the place that they name. Returned is what the sender is told: a syndrome, 0 when it is done,
 * LATER when nothing is posted, GONE when one of the QPs is.
 */

static bool can_receive(const struct qp *q)
{
	return q->attr.qp_state >= RTR && q->attr.qp_state <= SQD;
}

static bool may_send(const struct qp *q)
{
	return q->attr.qp_state == RTS || q->attr.qp_state == ERROR; /* where what is posted is flushed */
}

/* The key that a peer may end, or NULL. */
static struct mkey *find_invalidated(const struct qp *peer, const struct message *m)
{
	struct mkey *k = find_mkey(peer->body.context->nic, be32toh(m->immediate));

	return k && k->body.context == peer->body.context && k->pd == peer->pd && !k->is_free &&
			       (k->window == 2 ? k->qpn == peer->body.number : k->can_be_invalidated)
		       ? k
		       : NULL;
}

static enum cqe_opcode receive_opcode(uint8_t opcode)
{
	switch (opcode) {
	case WQE_SEND:
		return CQE_SEND;
	case WQE_SEND_IMM:
		return CQE_SEND_IMM;
	case WQE_SEND_INVALIDATE:
		return CQE_SEND_INVALIDATE;
	default:
		return CQE_WRITE_IMM;
	}
}

/* A receive that could not be done: the QP goes to ERROR, but for a datagram's. */
static void fail_receive(struct qp *peer, struct cqe v, uint32_t syndrome)
{
	v.opcode = CQE_RESP_ERR, v.syndrome = syndrome;
	complete_receive(peer, v);
	if (peer->type != QP_TYPE_UD)
		to_error(peer);
}

/* SEND in all its forms; and the end of WRITE with immediate data, which takes a receive and no place: `from` NULL. */
static uint32_t deliver(const struct qp *q, struct qp *peer, const struct message *m, const struct list *from)
{
	struct cqe v = {.opcode = receive_opcode(m->opcode),
			.bytes = from ? from->bytes : m->bytes,
			.remote_qpn = m->qpn,
			.has_grh = peer->type == QP_TYPE_UD,
			.solicited = m->solicited};
	const struct list *which;
	struct list to;
	enum trouble t;
	bool gone;

	if (!has_receive(peer) || !has_place(peer->recv_cq)) /* a NIC has read the message before it hears of that */
		return !from || list_has_keys(from) ? LATER : LOCAL_PROTECTION;
	if (m->opcode != WQE_SEND)
		v.immediate = m->immediate;
	if (!from) {
		complete_receive(peer, v);
		return 0;
	}
	if (m->opcode == WQE_SEND_INVALIDATE && !find_invalidated(peer, m)) {
		fail_receive(peer, v, LOCAL_QP_OP);
		return REMOTE_ACCESS;
	}
	if (!peek_receive(peer, &to) || from->bytes > to.bytes) {
		fail_receive(peer, v, LOCAL_LENGTH);
		return REMOTE_INVALID;
	}
	t = move_message(q, peer, from, &to, &which, &gone);
	if (gone)
		return GONE;
	if (t != FINE && which == from)
		return local_syndrome(t);
	if (t != FINE) {
		fail_receive(peer, v, local_syndrome(t));
		return REMOTE_OP;
	}
	if (m->opcode == WQE_SEND_INVALIDATE) {
		struct mkey *k = find_invalidated(peer, m);

		if (k)
			k->is_free = true;
	}
	complete_receive(peer, v);
	return 0;
}

static uint32_t remote_syndrome(enum trouble t)
{
	return t == NO_CIPHER ? REMOTE_OP : REMOTE_ACCESS;
}

static uint32_t deliver_write(const struct qp *q, struct qp *peer, const struct message *m, const struct list *from)
{
	const struct list to = remote_list(peer, m, REMOTE_WRITE), *which;
	enum trouble t;
	bool gone;

	if (m->opcode == WQE_WRITE_IMM && (!has_receive(peer) || !has_place(peer->recv_cq)))
		return list_has_keys(from) ? LATER : LOCAL_PROTECTION;
	if (!(peer->attr.qp_access_flags & IB_UVERBS_ACCESS_REMOTE_WRITE) && m->bytes)
		return REMOTE_ACCESS;
	t = move_message(q, peer, from, &to, &which, &gone);
	if (gone)
		return GONE;
	if (t != FINE)
		return which == &to ? remote_syndrome(t) : local_syndrome(t);
	return m->opcode == WQE_WRITE_IMM ? deliver(q, peer, m, NULL) : 0;
}

static uint32_t deliver_read(const struct qp *q, struct qp *peer, const struct message *m, const struct list *to)
{
	const struct list from = remote_list(peer, m, REMOTE_READ), *which;
	enum trouble t;
	bool gone;

	if (!(peer->attr.qp_access_flags & IB_UVERBS_ACCESS_REMOTE_READ) && m->bytes)
		return REMOTE_ACCESS;
	t = move_message(q, peer, &from, to, &which, &gone);
	if (gone)
		return GONE;
	return t == FINE ? 0 : which == &from ? remote_syndrome(t) : local_syndrome(t);
}

/*
 * Compare and swap, fetch and add: of 8 bytes, in the order of the host. Atomic among the QPs of this process, as they
 * have one engine; not for its own instructions.
 */
static uint32_t deliver_atomic(struct qp *peer, const struct message *m, uint64_t *old)
{
	const struct side side = {peer->body.context, peer->pd, peer->body.number};
	uint64_t value, *p = &value;

	if (m->address % 8)
		return REMOTE_INVALID;
	if (!(peer->attr.qp_access_flags & IB_UVERBS_ACCESS_REMOTE_ATOMIC) ||
	    through_key(engine.vault, &side, m->key, m->address, (uint8_t *)old, sizeof(*old), REMOTE_ATOMIC, 0) !=
		    FINE)
		return REMOTE_ACCESS;
	value = m->opcode == WQE_FETCH_ADD ? *old + m->operand[0] : *old == m->operand[1] ? m->operand[0] : *old;
	return through_key(engine.vault, &side, m->key, m->address, (uint8_t *)p, sizeof(value), REMOTE_ATOMIC | INTO,
			   0) == FINE
		       ? 0
		       : REMOTE_ACCESS;
}
