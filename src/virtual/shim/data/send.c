/*
 * What an entry of a send queue asks for: SEND, RDMA WRITE, READ, atomics, datagrams, UMR, and NOP. A peer is a QP of
 * this process (of the same context, of another one, of another NIC, or the QP itself) or of another process, to which
 * the message goes over the wire. Left out: fences (all is done in order).
 */

/* The other end of a connection, if it is in this process, connected with this one, and both ports are up. */
static struct qp *find_peer(const struct qp *q)
{
	struct qp *peer = q->peer_nic ? find_qp(q->peer_nic, q->attr.dest_qp_num) : NULL;

	if (!q->loops && q->peer_nic && (is_down(q->body.context->nic) || is_down(q->peer_nic)))
		return NULL;
	return peer && peer->type == q->type && can_receive(peer) && peer->attr.dest_qp_num == q->body.number &&
			       peer->peer_nic == q->body.context->nic
		       ? peer
		       : NULL;
}

/* The atomic and its local place, of 8 bytes: data goes there as it came. */
static uint32_t local_atomic(struct qp *q, struct qp *peer, const struct message *m, const struct list *local)
{
	const struct list *which;
	struct list from = {.side = local->side};
	uint64_t old;
	uint32_t outcome = deliver_atomic(peer, m, &old);
	enum trouble t;
	bool gone;

	if (outcome)
		return outcome;
	add_bytes(&from, (const uint8_t *)&old, sizeof(old));
	t = move_message(q, peer, &from, local, &which, &gone);
	return gone ? GONE : t == FINE ? 0 : local_syndrome(t);
}

/* Does what an entry says with a peer of this process. */
static uint32_t exchange(struct qp *q, struct qp *peer, const struct message *m, const struct list *local)
{
	switch (m->opcode) {
	case WQE_WRITE:
	case WQE_WRITE_IMM:
		return deliver_write(q, peer, m, local);
	case WQE_READ:
		return deliver_read(q, peer, m, local);
	case WQE_COMPARE_SWAP:
	case WQE_FETCH_ADD:
		return local_atomic(q, peer, m, local);
	default:
		return deliver(q, peer, m, local);
	}
}

/* An unreliable connection does not say what became of a message, and knows no READ. */
static uint32_t send_unreliable(struct qp *q, struct qp *peer, const struct message *m, const struct list *local)
{
	uint32_t outcome;

	if (m->opcode == WQE_READ || m->opcode == WQE_COMPARE_SWAP || m->opcode == WQE_FETCH_ADD)
		return LOCAL_QP_OP;
	outcome = peer ? exchange(q, peer, m, local) : send_away(q, m, local);
	return outcome == GONE || outcome == BUSY || outcome == LOCAL_PROTECTION || outcome == LOCAL_QP_OP ? outcome
													   : 0;
}

/* Does what an entry says. Returns a syndrome, 0 when it is done, LATER, BUSY, GONE or AWAY. */
static uint32_t execute(struct qp *q, const uint8_t *w, uint32_t size, uint32_t *bytes)
{
	const uint8_t *end = w + size;
	struct message m = {.opcode = w[3], .solicited = w[WQE_FLAGS] & WQE_SOLICITED, .qpn = q->body.number};
	const bool reads = m.opcode == WQE_READ || m.opcode == WQE_COMPARE_SWAP || m.opcode == WQE_FETCH_ADD;
	struct list local = local_list(q, reads ? LOCAL_WRITE : LOCAL_READ);
	uint32_t outcome;
	struct qp *peer;

	switch (m.opcode) {
	case WQE_NOP:
	case WQE_SET_PSV:
		return 0;
	case WQE_UMR:
		return q->type == QP_TYPE_UD ? LOCAL_QP_OP
					     : configure_mkey(q->body.context, q->pd, q->body.number, w, size);
	case WQE_SEND:
	case WQE_SEND_IMM:
	case WQE_SEND_INVALIDATE:
	case WQE_WRITE:
	case WQE_WRITE_IMM:
	case WQE_READ:
	case WQE_COMPARE_SWAP:
	case WQE_FETCH_ADD:
		break;
	default:
		return LOCAL_QP_OP;
	}
	memcpy(&m.immediate, w + WQE_KEY, 4);
	if (q->type == QP_TYPE_UD) {
		outcome = send_datagram(q, w, end, &m);
		*bytes = m.bytes;
		return outcome;
	}
	if (!read_request(w, end, &m, &local))
		return LOCAL_QP_OP;
	*bytes = m.bytes;
	peer = find_peer(q);
	if (q->type == QP_TYPE_UC)
		return send_unreliable(q, peer, &m, &local);
	return peer ? exchange(q, peer, &m, &local) : send_away(q, &m, &local);
}
