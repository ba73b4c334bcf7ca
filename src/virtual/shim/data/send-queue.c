/*
 * Send queues: the entry at the head is fetched, done and completed. A queue is a ring of blocks; an entry takes as
 * many as it needs and may go over the end. One that has to wait, for a peer or a receive of that, is done again
 * later. Of those whose messages are under way to another process, several may be open; they are completed in order.
 */
#define PATIENCE_NS 100000000 /* whatever timeouts and retries say */
#define CONGESTION_NS 1000000000ull /* what is unreliable waits so long for room, and is lost then */

static struct flight flight_of(const struct qp *q, const uint8_t *w, uint32_t size, uint32_t bytes)
{
	return (struct flight){.at = q->sq_next,
			       .counter = w[1] << 8 | w[2],
			       .blocks = size ? (size + WQE_BLOCK - 1) / WQE_BLOCK : 1,
			       .opcode = w[3],
			       .signaled = q->signal_all || w[WQE_FLAGS] & WQE_SIGNALED,
			       .bytes = bytes};
}

/* Completes the oldest entry. There is room for a CQE. */
static void complete_entry(struct qp *q, const struct flight *f, uint32_t syndrome)
{
	ADD(q->body.context->nic->image->work_requests, 1);
	if (syndrome || f->signaled)
		put_cqe(q->send_cq, &(struct cqe){.opcode = syndrome ? CQE_REQ_ERR : CQE_REQ,
						  .syndrome = syndrome,
						  .wqe_opcode = f->opcode,
						  .wqe_counter = f->counter,
						  .bytes = f->bytes,
						  .user_index = q->user_index,
						  .qpn = q->body.number});
	q->waits_since = q->busy_since = 0;
	q->sq_at = f->at + f->blocks;
	if (syndrome && q->attr.qp_state != ERROR)
		to_error(q);
}

/* Completes the oldest message under way if it was answered. Returns whether it was. */
static bool complete_flight(struct qp *q)
{
	const struct flight f = q->flight[0];
	const uint32_t syndrome = q->answered ? 0 : q->failure;

	if ((!q->answered && !q->failure) || !has_place(q->send_cq))
		return false;
	memmove(q->flight, q->flight + 1, (WINDOW - 1) * sizeof(f));
	q->flights--;
	q->first_number++;
	q->answered -= q->answered ? 1 : 0;
	q->failure = syndrome ? 0 : q->failure;
	complete_entry(q, &f, syndrome);
	return true;
}

/* What was not heard of for too long is sent again, and in the end given up. */
static void look_after_flights(struct qp *q)
{
	if (q->answered == q->flights)
		return;
	if (now_ns() - q->silent_since > SILENCE_NS)
		q->failure = RETRY_EXCEEDED;
	else if (now_ns() - q->sent_at > RESEND_NS)
		send_again(q, q->answered);
}

/* What is to be done about an entry that could not be done now: nothing yet, or the syndrome that it ends with. */
static uint32_t be_patient(struct qp *q, uint32_t outcome)
{
	q->waits_since = q->waits_since ? q->waits_since : now_ns();
	if ((outcome == LATER && q->attr.rnr_retry == 7) || now_ns() - q->waits_since < PATIENCE_NS)
		return LATER;
	return outcome == LATER ? RNR_EXCEEDED : RETRY_EXCEEDED;
}

/* The same of one for which there is no room, since the process of the peer takes nothing. */
static uint32_t wait_for_room(struct qp *q)
{
	const bool reliable = q->type == QP_TYPE_RC;

	q->busy_since = q->busy_since ? q->busy_since : now_ns();
	q->silent_since = 0;
	if (now_ns() - q->busy_since < (reliable ? SILENCE_NS : CONGESTION_NS))
		return LATER;
	return reliable ? RETRY_EXCEEDED : 0; /* lost */
}

static void begin_flight(struct qp *q, const struct flight *f)
{
	q->busy_since = 0;
	q->sent_at = now_ns();
	q->silent_since = q->silent_since ? q->silent_since : q->sent_at;
	q->flight[q->flights++] = *f;
	q->sq_next += f->blocks;
}

/* Whether the next entry may be looked at: there is one, there is room for its completion, and it is time for it. */
static bool has_entry(const struct qp *q)
{
	uint32_t posted;

	return !q->failure && q->flights < WINDOW && now_ns() >= q->not_before && q->queues.sq_entries &&
	       fetch_record(q->queues.record + 4, q->sq_next, &posted) && (uint16_t)posted != q->sq_next &&
	       has_place(q->send_cq);
}

/* What becomes of an entry that was fetched: as execute has it. */
static uint32_t try_entry(struct qp *q, const uint8_t *w, uint32_t size, uint32_t *bytes)
{
	if (q->attr.qp_state == ERROR)
		return FLUSHED;
	if (q->not_before && q->waits_since && !q->busy_since && !q->flights && q->attr.rnr_retry != 7 &&
	    now_ns() - q->waits_since > PATIENCE_NS)
		return RNR_EXCEEDED;
	return size ? execute(q, w, size, bytes) : LOCAL_QP_OP;
}

/* Works off an entry of a send queue. Returns whether there was one, and it is done or under way. */
static bool run_entry(struct qp *q)
{
	const struct reference own = refer(q);
	uint8_t w[WQE_MOST];
	uint32_t size, bytes = 0, outcome;
	struct flight f;

	if (q->attr.qp_state == ERROR && q->flights) { /* they are flushed with the others */
		q->flights = q->answered = 0;
		q->failure = 0;
		q->sq_next = q->sq_at;
	}
	if (q->flights && complete_flight(q))
		return true;
	look_after_flights(q);
	if (!has_entry(q))
		return false;
	size = fetch_entry(q, q->sq_next, w);
	if (q->flights && (!size || !only_brings(w[3])))
		return false; /* what is under way comes first */
	outcome = try_entry(q, w, size, &bytes);
	q = outcome == GONE ? NULL : find_again(&own);
	if (!q || !may_send(q))
		return false;
	f = flight_of(q, w, size, bytes);
	if (outcome == AWAY) {
		begin_flight(q, &f);
		return true;
	}
	if (q->flights)
		return false; /* it is done again when they are completed */
	if (outcome == BUSY)
		outcome = wait_for_room(q);
	else if (outcome == LATER || outcome == RETRY_EXCEEDED)
		outcome = be_patient(q, outcome);
	if (outcome == LATER)
		return false;
	q->sq_next += f.blocks;
	complete_entry(q, &f, outcome);
	return true;
}
