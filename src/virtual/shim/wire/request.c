/*
 * The side that asks: messages of a send queue on their way to a QP of another process. Up to WINDOW of those that only
 * bring data may be under way; one that fetches data goes alone. What is not answered in time is sent again, from the
 * oldest on; who has seen it before answers, and does nothing.
 */
#define RESEND_NS 100000000ull
#define SILENCE_NS 10000000000ull /* of a process that lives: it may be stopped */
#define NOT_READY_MOST_NS 1000000ull

static bool only_brings(uint8_t opcode)
{
	return opcode == WQE_SEND || opcode == WQE_SEND_IMM || opcode == WQE_SEND_INVALIDATE || opcode == WQE_WRITE ||
	       opcode == WQE_WRITE_IMM;
}

/* All that a list names, in memory that is to be freed. NULL: *outcome says why. */
static uint8_t *gather(const struct qp *q, const struct list *from, uint32_t *outcome)
{
	const struct reference own = refer(q);
	uint8_t *data = malloc(from->bytes ? from->bytes : 1);
	enum trouble t;

	*outcome = LOCAL_QP_OP;
	if (!data || !list_fits_units(from)) {
		free(data);
		return NULL;
	}
	begin_move();
	t = through_list(engine.vault, from, 0, data, from->bytes);
	end_move();
	*outcome = find_again(&own) ? t == FINE ? 0 : local_syndrome(t) : GONE;
	if (*outcome == 0) {
		tell_signature_errors(from);
		return data;
	}
	free(data);
	return NULL;
}

/*
 * Sends the message of an entry to the QP of another process. Returns AWAY, RETRY_EXCEEDED when there is no such QP,
 * BUSY when there is no room, or a syndrome.
 */
static uint32_t send_away(struct qp *q, const struct message *m, const struct list *local)
{
	struct nic *own = q->body.context->nic, *nic = q->peer_nic;
	struct packet p = {.kind = REQUEST,
			   .type = q->type,
			   .number = q->first_number + q->flights,
			   .to = q->attr.dest_qp_num,
			   .message = *m};
	const uint64_t *table = nic ? owners_of(nic) : NULL;
	uint8_t *data = NULL;
	uint32_t outcome = 0;
	enum sent sent;

	if (!table || is_down(own) || is_down(nic) || !LOAD(table[p.to % QPNS]))
		return RETRY_EXCEEDED;
	if (is_full(nic, p.to, &q->busy_since) || q->owes)
		return BUSY;
	if (only_brings(m->opcode)) {
		data = gather(q, local, &outcome);
		if (!data)
			return outcome;
	}
	sent = send_packet(own, nic, &p, data);
	free(data);
	if (sent == NO_ROOM && is_full(nic, p.to, &q->busy_since))
		return BUSY;
	if (q->type != QP_TYPE_RC)
		return 0; /* lost, if there is nobody */
	return sent == SENT ? AWAY : RETRY_EXCEEDED;
}

/* Goes back to flight `index`: it is sent again, and what followed it. */
static void send_again(struct qp *q, uint32_t index)
{
	if (index >= q->flights)
		return;
	q->sq_next = q->flight[index].at;
	q->flights = index;
	q->answered = q->answered < index ? q->answered : index;
	q->failure = 0;
}

/* What was fetched goes to the places of the entry, which is looked at again: the program may have changed it. */
static uint32_t store_answer(struct qp *q, const struct packet *p, const uint8_t *data)
{
	const struct flight f = q->flight[0];
	struct message m = {.opcode = f.opcode};
	struct list local = local_list(q, LOCAL_WRITE), from = {.side = local.side};
	const struct list *which;
	uint8_t w[WQE_MOST];
	uint32_t size = fetch_entry(q, f.at, w);
	enum trouble t;
	bool gone;

	if (!size || w[3] != f.opcode || !read_request(w, w + size, &m, &local) || m.bytes != p->message.bytes ||
	    (m.bytes && !data))
		return LOCAL_QP_OP;
	add_bytes(&from, data, m.bytes);
	t = move_message(q, NULL, &from, &local, &which, &gone);
	return gone ? GONE : t == FINE ? 0 : local_syndrome(t);
}

/* An answer that came. It says the same of all that was sent before. */
static void take_answer(struct qp *q, const struct packet *p, const uint8_t *data)
{
	const uint64_t index = p->number - q->first_number;
	uint32_t outcome = p->outcome;

	if (index >= q->flights || index < q->answered || q->failure)
		return; /* to what was asked again, or before a reset */
	q->silent_since = index + 1 < q->flights ? now_ns() : 0;
	q->answered = index;
	if (outcome == LATER) {
		send_again(q, index);
		q->silent_since = 0;
		q->not_before = now_ns() + q->pause_ns;
		q->pause_ns = 2 * q->pause_ns < NOT_READY_MOST_NS ? 2 * q->pause_ns : NOT_READY_MOST_NS;
		q->waits_since = q->waits_since ? q->waits_since : now_ns();
		return;
	}
	q->not_before = 0;
	q->pause_ns = NOT_READY_NS;
	if (!outcome && !only_brings(q->flight[index].opcode))
		outcome = index == 0 ? store_answer(q, p, data) : LOCAL_QP_OP;
	if (outcome == GONE)
		return;
	if (outcome)
		q->failure = outcome;
	else
		q->answered = index + 1;
	q->waits_since = 0;
}
