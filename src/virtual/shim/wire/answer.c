/*
 * The side that is asked: messages that come to QPs of this process. Those of a reliable connection are done in their
 * order, each once, and answered; of what comes too early nothing is heard, and it comes again.
 */

static bool owed; /* by any QP of this process */

/* One that says no more than that a message is done is not lost for want of room: it is sent later. */
static void answer_message(struct qp *q, const struct packet *request, uint32_t outcome, const uint8_t *data)
{
	const bool keeps = !outcome && !data;
	enum sent sent;
	struct packet p = {.kind = ANSWER,
			   .type = q->type,
			   .outcome = outcome,
			   .number = request->number,
			   .to = request->message.qpn,
			   .message = {.opcode = request->message.opcode, .qpn = q->body.number}};

	p.message.bytes = data ? request->message.bytes : 0;
	sent = (keeps ? send_packet : send_now)(q->body.context->nic, q->peer_nic, &p, data);
	if (q->owes && request->number < q->owed)
		return; /* one that came again */
	if (sent == NO_ROOM && keeps)
		q->owed = request->number, q->owes = owed = true;
	else if (sent == SENT)
		q->owes = false; /* it tells of all before it */
}

/* Sends what is owed, of which there is one a QP: an answer tells of all before it. Returns whether something went. */
static bool pay_answers(void)
{
	bool paid = false, owes = false;

	for (struct body *b = owed ? queues : NULL; b; b = b->next_queue) {
		struct qp *q = (struct qp *)b;
		struct packet p;

		if (b->kind != QP || !q->owes)
			continue;
		q->owes = false;
		if (!can_receive(q) || !q->peer_nic)
			continue;
		p = (struct packet){.number = q->owed, .message = {.opcode = WQE_SEND, .qpn = q->attr.dest_qp_num}};
		answer_message(q, &p, 0, NULL);
		paid |= !q->owes;
		owes |= q->owes;
	}
	owed = owes;
	return paid;
}

/* READ: what is there goes back with the answer. Returns an outcome; GONE: nothing is to be answered. */
static uint32_t answer_read(struct qp *q, const struct packet *p)
{
	const struct list from = remote_list(q, &p->message, REMOTE_READ);
	uint32_t outcome = REMOTE_ACCESS;
	uint8_t *data;

	if (!(q->attr.qp_access_flags & IB_UVERBS_ACCESS_REMOTE_READ) && p->message.bytes)
		return outcome;
	data = gather(q, &from, &outcome);
	if (data)
		answer_message(q, p, 0, p->message.bytes ? data : NULL);
	free(data);
	return outcome == LOCAL_PROTECTION ? REMOTE_ACCESS : outcome == LOCAL_QP_OP ? REMOTE_OP : outcome;
}

static uint32_t answer_atomic(struct qp *q, const struct packet *p, bool again)
{
	uint32_t outcome = 0;

	if (p->message.bytes != sizeof(q->atomic_value) || (again && q->atomic_number != p->number))
		return REMOTE_INVALID;
	if (!again) {
		outcome = deliver_atomic(q, &p->message, &q->atomic_value);
		q->atomic_number = p->number;
	}
	if (!outcome)
		answer_message(q, p, 0, (const uint8_t *)&q->atomic_value);
	return outcome;
}

/* What brings data: that comes with it, all of it. */
static uint32_t take_data(struct qp *q, const struct packet *p, const uint8_t *data)
{
	struct list from = {.side = {q->body.context, q->pd, q->body.number}};

	if (p->message.bytes && !data)
		return REMOTE_INVALID;
	add_bytes(&from, data, p->message.bytes);
	if (p->message.opcode == WQE_WRITE || p->message.opcode == WQE_WRITE_IMM)
		return deliver_write(NULL, q, &p->message, &from);
	return deliver(NULL, q, &p->message, &from);
}

static void take_reliable(struct qp *q, const struct packet *p, const uint8_t *data)
{
	const struct reference own = refer(q);
	const uint8_t opcode = p->message.opcode;
	const bool again = p->number < q->expected, fetches = !only_brings(opcode);
	uint32_t outcome = 0;

	if (p->number > q->expected)
		return;
	if (opcode == WQE_READ)
		outcome = answer_read(q, p);
	else if (opcode == WQE_COMPARE_SWAP || opcode == WQE_FETCH_ADD)
		outcome = answer_atomic(q, p, again);
	else if (only_brings(opcode) && !again)
		outcome = take_data(q, p, data);
	else if (!only_brings(opcode))
		return;
	q = outcome == GONE ? NULL : find_again(&own);
	if (!q)
		return;
	if (!again && outcome == 0)
		q->expected++;
	if (outcome || !fetches)
		answer_message(q, p, outcome, NULL);
}

static void take_request(struct nic *nic, struct packet *p, const uint8_t *data)
{
	struct qp *q = find_qp(nic, p->to);

	if (!q || q->type != p->type || !can_receive(q) || is_down(nic))
		return;
	if (q->type == QP_TYPE_UD) {
		struct list from = {.side = {q->body.context, q->pd, q->body.number}};

		if (p->message.bytes < GRH_BYTES || p->message.bytes > GRH_BYTES + MTU_BYTES || !data ||
		    (p->message.opcode != WQE_SEND && p->message.opcode != WQE_SEND_IMM))
			return;
		add_bytes(&from, data, p->message.bytes);
		deliver_datagram(NULL, q, &p->message, &from);
		return;
	}
	if (q->attr.dest_qp_num != p->message.qpn || !q->peer_nic || q->peer_nic->image->guid != p->guid)
		return;
	if (q->type == QP_TYPE_RC)
		take_reliable(q, p, data);
	else if (only_brings(p->message.opcode))
		take_data(q, p, data);
}

/* What an answer can say: nothing is wrong, not yet, or a syndrome of a CQE, which has 8 bits. */
static bool is_outcome(uint32_t outcome)
{
	return outcome == LATER || outcome <= UINT8_MAX;
}

static bool complete_flight(struct qp *q);

/* What comes next may be the program's reply to what was answered: that is completed before it. */
static void complete_answered(const struct reference *own)
{
	struct qp *q = find_again(own);

	while (q && q->flights && complete_flight(q))
		;
}

/* Works off what came to this process. Returns whether something did. */
static bool run_wire(void)
{
	enum { BATCH = 64 };
	static uint8_t inside[INLINE_MOST];
	bool worked = false;

	for (int i = 0; i < MAX_NICS && nics[i].image; i++) {
		const int fd = endpoints[i].users ? wire_of(&nics[i]) : -1;
		struct packet p;
		uint8_t *data;

		for (int n = 0; fd >= 0 && n < BATCH && take_packet(fd, &p, inside, &data); n++) {
			struct qp *q = p.magic && p.kind == ANSWER ? find_qp(&nics[i], p.to) : NULL;

			worked = true;
			if (p.magic && p.kind == REQUEST)
				take_request(&nics[i], &p, data);
			else if (q && q->type == QP_TYPE_RC && q->attr.qp_state == RTS && is_outcome(p.outcome) &&
				 q->attr.dest_qp_num == p.message.qpn && q->peer_nic &&
				 q->peer_nic->image->guid == p.guid) {
				const struct reference own = refer(q);

				take_answer(q, &p, data);
				complete_answered(&own);
			}
			if (data != inside)
				free(data);
		}
	}
	return worked | pay_answers();
}

/* Sleeps so long, or until something comes. */
static void wait_for_wire(const struct timespec *most)
{
	struct pollfd list[MAX_NICS];
	int count = 0;

	pthread_mutex_lock(&mutex);
	for (int i = 0; i < MAX_NICS && nics[i].image; i++)
		if (endpoints[i].users && is_socket(endpoints[i].fd, endpoints[i].inode))
			list[count++] = (struct pollfd){.fd = endpoints[i].fd, .events = POLLIN};
	pthread_mutex_unlock(&mutex);
	if (ppoll(list, count, most, NULL) < 0)
		nanosleep(most, NULL);
}
