/*
 * Unreliable datagrams: a SEND to the QP and the NIC that its address names, which comes with a global routing header
 * of 40 bytes before it. What nobody takes is lost: no such QP, another Q key, nothing posted.
 */
enum { ADDRESS_BYTES = 48, GRH_BYTES = 40, MTU_BYTES = 1024 };

/* The header, as an IPv6 one that a RoCE packet has. */
static void make_grh(uint8_t grh[GRH_BYTES], const struct nic *nic, const uint8_t address[ADDRESS_BYTES],
		     uint32_t bytes)
{
	memset(grh, 0, GRH_BYTES);
	grh[0] = 0x60 | address[26] >> 4;
	grh[1] = address[26] << 4;
	grh[4] = bytes >> 8, grh[5] = bytes;
	grh[6] = 0x1b;
	grh[7] = address[27];
	make_gid(nic, grh + 8);
	memcpy(grh + 24, address + 32, 16);
}

/* What comes to a QP. Nobody is told what became of it. */
static uint32_t deliver_datagram(const struct qp *q, struct qp *peer, const struct message *m, const struct list *from)
{
	uint32_t outcome;

	if (!peer || peer->type != QP_TYPE_UD || !can_receive(peer) || peer->attr.qkey != m->key)
		return 0;
	outcome = deliver(q, peer, m, from);
	return outcome == GONE || outcome == LOCAL_PROTECTION || outcome == LOCAL_QP_OP ? outcome : 0;
}

/* To a QP of another process. BUSY: there is no room. */
static uint32_t send_datagram_away(struct qp *q, struct nic *nic, uint32_t qpn, const struct message *m,
				   const struct list *from)
{
	struct packet p = {.kind = REQUEST, .type = QP_TYPE_UD, .to = qpn, .message = *m};
	uint32_t outcome;
	uint8_t *data;

	if (is_full(nic, qpn, &q->busy_since))
		return BUSY;
	data = gather(q, from, &outcome);
	p.message.bytes = from->bytes;
	if (data && send_packet(q->body.context->nic, nic, &p, data) == NO_ROOM && is_full(nic, qpn, &q->busy_since))
		outcome = BUSY;
	free(data);
	return outcome;
}

static uint32_t send_datagram(struct qp *q, const uint8_t *w, const uint8_t *end, struct message *m)
{
	const uint8_t *address = w + 16;
	struct list from = local_list(q, LOCAL_READ);
	uint8_t grh[GRH_BYTES];
	struct nic *nic;
	struct qp *peer;

	if ((m->opcode != WQE_SEND && m->opcode != WQE_SEND_IMM) || end - address < ADDRESS_BYTES)
		return LOCAL_QP_OP;
	add_bytes(&from, grh, GRH_BYTES);
	if (!read_segments(address + ADDRESS_BYTES, end, &from))
		return LOCAL_QP_OP;
	m->bytes = from.bytes - GRH_BYTES;
	if (m->bytes > MTU_BYTES)
		return LOCAL_LENGTH;
	make_grh(grh, q->body.context->nic, address, m->bytes);
	m->key = get32(address) & 0x80000000 ? q->attr.qkey : get32(address); /* the QP's own, if it says so */
	nic = find_nic(address + 32);
	if (!nic || is_down(nic) || is_down(q->body.context->nic))
		return 0;
	peer = find_qp(nic, get24(address + 9));
	return peer ? deliver_datagram(q, peer, m, &from) : send_datagram_away(q, nic, get24(address + 9), m, &from);
}
