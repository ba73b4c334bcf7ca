/*
 * Send queues: the entry at the head is fetched, done and completed. A queue is a ring of blocks; an entry takes as
 * many as it needs and may go over the end. One that has to wait, for a peer or a receive of that, is done again
 * later.
 */
#define PATIENCE_NS 100000000 /* whatever timeouts and retries say */

/*
 * The entry at the head of the send queue, as it lies in a ring of blocks. Its size in bytes, 0: none that makes
 * sense.
 */
static uint32_t fetch_entry(const struct qp *q, uint8_t w[WQE_MOST])
{
	uint32_t size = 0, left;

	for (uint32_t at = 0; at == 0 || at < size; at += WQE_BLOCK) {
		uint64_t block = (q->sq_at + at / WQE_BLOCK) & (q->sq_entries - 1);

		left = WQE_MOST - at;
		if (left < WQE_BLOCK || !fetch(w + at, q->sq + block * WQE_BLOCK, WQE_BLOCK))
			return 0;
		if (at == 0)
			size = 16 * (w[7] & 0x3f);
	}
	return size < 16 || get24(w + 4) != q->body.number ? 0 : size;
}

/* Works off the entry at the head of a send queue. Returns whether there was one, and it is done. */
static bool run_entry(struct qp *q)
{
	struct image *image = q->body.context->nic->image;
	const struct reference own = refer(q);
	uint8_t w[WQE_MOST];
	uint32_t size, posted, bytes = 0, outcome;

	if (!fetch_record(q->record + 4, q->sq_at, &posted) || (uint16_t)posted == q->sq_at || !has_place(q->send_cq))
		return false;
	size = fetch_entry(q, w);
	outcome = q->attr.qp_state == ERROR ? FLUSHED : size ? execute(q, w, size, &bytes) : LOCAL_QP_OP;
	q = outcome == GONE ? NULL : find_again(&own);
	if (!q || (q->attr.qp_state != RTS && q->attr.qp_state != ERROR))
		return false;
	if (outcome == LATER || outcome == RETRY_EXCEEDED) {
		q->waits_since = q->waits_since ? q->waits_since : now_ns();
		if ((outcome == LATER && q->attr.rnr_retry == 7) || now_ns() - q->waits_since < PATIENCE_NS)
			return false;
		outcome = outcome == LATER ? RNR_EXCEEDED : outcome;
	}
	q->waits_since = 0;
	ADD(image->work_requests, 1);
	if (outcome || q->signal_all || w[WQE_FLAGS] & WQE_SIGNALED)
		put_cqe(q->send_cq, &(struct cqe){.opcode = outcome ? CQE_REQ_ERR : CQE_REQ,
						  .syndrome = outcome,
						  .wqe_opcode = w[3],
						  .wqe_counter = w[1] << 8 | w[2],
						  .bytes = bytes,
						  .user_index = q->user_index,
						  .qpn = q->body.number});
	q->sq_at += size ? (size + WQE_BLOCK - 1) / WQE_BLOCK : 1;
	if (outcome && q->attr.qp_state != ERROR)
		to_error(q);
	return true;
}
