/*
 * Receive queues, a QP's own or a shared one: the entry at the head is taken for a message. An entry is a list of data
 * segments.
 */

/* Whether something is posted. */
static bool has_receive(struct qp *q)
{
	uint64_t record = q->srq ? q->srq->record : q->queues.record;
	uint16_t taken = q->srq ? q->srq->taken : q->rq_at;
	uint32_t posted;

	return (q->srq || q->queues.rq_entries) && fetch_record(record, taken, &posted) && (uint16_t)posted != taken;
}

/* The list of the entry at the head, which stays there. */
static bool peek_receive(const struct qp *q, struct list *l)
{
	const struct srq *srq = q->srq;
	uint64_t at = srq ? srq->buffer + ((uint64_t)(srq->head % srq->entries) << srq->shift) + SRQ_DATA
			  : q->queues.rq + ((uint64_t)(q->rq_at & (q->queues.rq_entries - 1)) << q->queues.rq_shift);
	uint32_t bytes = srq ? (1u << srq->shift) - SRQ_DATA : 1u << q->queues.rq_shift;
	uint8_t entry[1024];

	*l = (struct list){.side = {q->body.context, srq ? srq->pd : q->pd, q->body.number},
			   .cq = q->recv_cq,
			   .need = LOCAL_WRITE};
	if (!fetch(entry, at, bytes))
		return false;
	for (const uint8_t *s = entry; s < entry + bytes && get32(s + 4) != WQE_LAST_KEY; s += 16) {
		l->segment[l->count++] =
			(struct segment){.bytes = get32(s), .key = get32(s + 4), .address = get64(s + 8)};
		l->bytes += get32(s);
	}
	return true;
}

/* Takes the entry at the head away. Returns its index, as a CQE has it. */
static uint16_t take_receive(struct qp *q)
{
	struct srq *srq = q->srq;
	uint16_t index = srq ? srq->head : q->rq_at;
	uint8_t next[2];

	if (!srq) {
		q->rq_at++;
	} else if (fetch(next, srq->buffer + ((uint64_t)(index % srq->entries) << srq->shift) + SRQ_NEXT, 2)) {
		srq->head = get16(next);
		srq->taken++;
		tell_limit(srq);
	}
	return index;
}

static void complete_receive(struct qp *q, struct cqe v)
{
	v.wqe_counter = take_receive(q);
	v.user_index = q->user_index;
	v.qpn = q->body.number;
	put_cqe(q->recv_cq, &v);
}

/* In the state ERROR all that is posted for receiving is flushed. Returns whether there was something. */
static bool flush_receives(struct qp *q)
{
	bool any = false;

	for (; !q->srq && has_receive(q) && has_place(q->recv_cq); any = true)
		complete_receive(q, (struct cqe){.opcode = CQE_RESP_ERR, .syndrome = FLUSHED});
	return any;
}

/* To the state ERROR: what is posted later, or to send, the engine flushes. */
static void to_error(struct qp *q)
{
	q->attr.qp_state = ERROR;
	flush_receives(q);
}
