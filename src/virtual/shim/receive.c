/* Receive queues: the entry at the head is taken for a message. An entry is a list of data segments. */

/* Whether something is posted. */
static bool has_receive(struct qp *q)
{
	uint32_t posted;

	return q->rq_entries && fetch_record(q->record, q->rq_at, &posted) && (uint16_t)posted != q->rq_at;
}

/* The list of the entry at the head, which stays there. */
static bool peek_receive(const struct qp *q, struct list *l)
{
	uint64_t at = q->rq + ((uint64_t)(q->rq_at & (q->rq_entries - 1)) << q->rq_shift);
	uint8_t entry[512];

	*l = (struct list){.side = {q->body.context, q->pd}, .need = LOCAL_WRITE};
	if (!fetch(entry, at, 1u << q->rq_shift))
		return false;
	for (const uint8_t *s = entry; s < entry + (1u << q->rq_shift) && get32(s + 4) != WQE_LAST_KEY; s += 16) {
		l->segment[l->count++] =
			(struct segment){.bytes = get32(s), .key = get32(s + 4), .address = get64(s + 8)};
		l->bytes += get32(s);
	}
	return true;
}

static void complete_receive(struct qp *q, struct cqe v)
{
	v.wqe_counter = q->rq_at++;
	v.user_index = q->user_index;
	v.qpn = q->body.number;
	put_cqe(q->recv_cq, &v);
}

/* To the state ERROR: all that is posted for receiving is flushed; what is posted to send, the engine flushes. */
static void to_error(struct qp *q)
{
	q->attr.qp_state = ERROR;
	while (has_receive(q) && has_place(q->recv_cq))
		complete_receive(q, (struct cqe){.opcode = CQE_RESP_ERR, .syndrome = FLUSHED});
}
