/*
 * What a send queue asks for, one entry after the other: SEND, RDMA WRITE, both with immediate data, RDMA READ, UMR,
 * and NOP. A peer is a QP of this process, on the same NIC: of the same context, of another one, or the QP itself.
 * Left out: peers in other processes (RETRY_EXCEEDED), atomics, invalidation, fences (all is done in order).
 */

enum { LATER = 0x1000, GONE }; /* beside the syndromes: try again; the QP was destroyed or reset meanwhile */

/* What is left of a QP when the mutex was given up: a way to find out whether it is there still. */
struct reference {
	const struct nic *nic;
	uint32_t number, resets;
	uint64_t serial;
};

static struct reference refer(const struct qp *q)
{
	return (struct reference){q->body.context->nic, q->body.number, q->resets, q->body.serial};
}

static struct qp *find_again(const struct reference *r)
{
	struct qp *q = find_qp(r->nic, r->number);

	return q && q->body.serial == r->serial && q->resets == r->resets ? q : NULL;
}

/* The GID of a NIC, as its sysfs says: fe80:: and its GUID. */
static bool is_own_gid(const struct nic *nic, const uint8_t gid[16])
{
	uint8_t own[16] = {0xfe, 0x80};
	uint64_t guid = htobe64(nic->image->guid);

	memcpy(own + 8, &guid, 8);
	return memcmp(gid, own, 16) == 0;
}

/* The other end of a connection, if it is there and connected with this one. */
static struct qp *find_peer(const struct qp *q)
{
	const struct nic *nic = q->body.context->nic;
	struct qp *peer = find_qp(nic, q->attr.dest_qp_num);

	if (!q->loops && !is_own_gid(nic, q->attr.dest.dgid))
		return NULL;
	return peer && (peer->attr.qp_state == RTR || peer->attr.qp_state == RTS) &&
			       peer->attr.dest_qp_num == q->body.number
		       ? peer
		       : NULL;
}

/* The data segments of an entry from `at` to `end`. False: they make no sense. */
static bool read_segments(const struct qp *q, const uint8_t *at, const uint8_t *end, uint32_t need, struct list *l)
{
	*l = (struct list){.side = {q->body.context, q->pd}, .need = need};
	while (at + 16 <= end) {
		uint32_t bytes = get32(at);
		struct segment *s = &l->segment[l->count++];

		if (bytes & WQE_INLINE) {
			bytes &= ~WQE_INLINE;
			if (need & LOCAL_WRITE || bytes > end - at - 4)
				return false;
			*s = (struct segment){.bytes = bytes, .inline_bytes = at + 4};
			at += (4 + bytes + 15) / 16 * 16;
		} else {
			*s = (struct segment){.bytes = bytes, .key = get32(at + 4), .address = get64(at + 8)};
			at += 16;
		}
		l->bytes += bytes;
	}
	return at == end && l->bytes <= MESSAGE_MOST;
}

static uint32_t local_syndrome(enum trouble t)
{
	return t == NO_CIPHER ? LOCAL_QP_OP : LOCAL_PROTECTION;
}

/*
 * Moves a message from one list to the other. Returns FINE and the like, and which list it was; or that `q` is gone.
 */
static enum trouble move_message(struct qp *q, struct qp *peer, const struct list *from, const struct list *to,
				 const struct list **which, bool *gone)
{
	const struct reference own = refer(q), other = refer(peer);
	enum trouble t = FINE;

	*gone = false;
	*which = from;
	if (!list_fits_units(from))
		return NO_CIPHER;
	*which = to;
	if (!list_fits_units(to))
		return NO_CIPHER;
	for (uint64_t at = 0, n; at < from->bytes && t == FINE && !*gone; at += n) {
		uint8_t *buffer;

		n = piece_of(from, to, at, from->bytes);
		buffer = begin_piece(n);
		if (!buffer) {
			*which = from;
			return NO_ACCESS;
		}
		*which = from;
		t = through_list(engine.vault, from, at, buffer, n);
		if (t == FINE) {
			*which = to;
			t = through_list(engine.vault, to, at, buffer, n);
		}
		end_piece(buffer);
		*gone = !find_again(&own) || !find_again(&other);
	}
	return t;
}

/*
 * SEND, with or without immediate data, and the end of WRITE with immediate data, which takes a receive and no place.
 */
static uint32_t deliver(struct qp *q, struct qp *peer, const uint8_t *w, const struct list *from, bool data)
{
	struct cqe v = {.opcode = w[3] == WQE_SEND	 ? CQE_SEND
				  : w[3] == WQE_SEND_IMM ? CQE_SEND_IMM
							 : CQE_WRITE_IMM,
			.bytes = from->bytes,
			.remote_qpn = q->body.number,
			.solicited = w[WQE_FLAGS] & WQE_SOLICITED};
	struct list to;
	const struct list *which;
	enum trouble t;
	bool gone;

	if (!has_receive(peer) || !has_place(peer->recv_cq))
		return LATER;
	if (w[3] != WQE_SEND)
		memcpy(&v.immediate, w + WQE_KEY, 4);
	if (!data) {
		complete_receive(peer, v);
		return 0;
	}
	if (!peek_receive(peer, &to) || from->bytes > to.bytes) {
		v.opcode = CQE_RESP_ERR, v.syndrome = LOCAL_LENGTH;
		complete_receive(peer, v);
		to_error(peer);
		return REMOTE_INVALID;
	}
	t = move_message(q, peer, from, &to, &which, &gone);
	if (gone)
		return GONE;
	if (t != FINE && which == from)
		return local_syndrome(t);
	if (t != FINE) {
		v.opcode = CQE_RESP_ERR, v.syndrome = local_syndrome(t);
		complete_receive(peer, v);
		to_error(peer);
		return REMOTE_OP;
	}
	complete_receive(peer, v);
	return 0;
}

/* RDMA: the remote segment, then data. */
static uint32_t remote_access(struct qp *q, struct qp *peer, const uint8_t *w, const uint8_t *end, uint32_t *bytes)
{
	const bool read = w[3] == WQE_READ;
	const uint32_t allowed = read ? IB_UVERBS_ACCESS_REMOTE_READ : IB_UVERBS_ACCESS_REMOTE_WRITE;
	struct list local, remote = {.side = {peer->body.context, peer->pd}, .need = read ? REMOTE_READ : REMOTE_WRITE};
	const struct list *which;
	enum trouble t;
	bool gone;

	if (end - w < 32 || get32(w + 28) || !read_segments(q, w + 32, end, read ? LOCAL_WRITE : LOCAL_READ, &local))
		return LOCAL_QP_OP;
	if (w[3] == WQE_WRITE_IMM && (!has_receive(peer) || !has_place(peer->recv_cq)))
		return LATER;
	*bytes = local.bytes;
	remote.segment[remote.count++] =
		(struct segment){.bytes = local.bytes, .address = get64(w + 16), .key = get32(w + 24)};
	remote.bytes = local.bytes;
	if (!(peer->attr.qp_access_flags & allowed) && local.bytes)
		return REMOTE_ACCESS;
	t = read ? move_message(q, peer, &remote, &local, &which, &gone)
		 : move_message(q, peer, &local, &remote, &which, &gone);
	if (gone)
		return GONE;
	if (t != FINE && which == &remote)
		return t == NO_CIPHER ? REMOTE_OP : REMOTE_ACCESS;
	if (t != FINE)
		return local_syndrome(t);
	return w[3] == WQE_WRITE_IMM ? deliver(q, peer, w, &local, false) : 0;
}

/* Does what an entry says. Returns a syndrome, 0 when it is done, LATER or GONE. */
static uint32_t execute(struct qp *q, const uint8_t *w, uint32_t size, uint32_t *bytes)
{
	const uint8_t *end = w + size;
	struct list from;
	struct qp *peer;

	switch (w[3]) {
	case WQE_NOP:
	case WQE_SET_PSV:
		return 0;
	case WQE_UMR:
		return configure_mkey(q->body.context, q->pd, w, size) ? 0 : LOCAL_QP_OP;
	case WQE_SEND:
	case WQE_SEND_IMM:
	case WQE_WRITE:
	case WQE_WRITE_IMM:
	case WQE_READ:
		break;
	default:
		return LOCAL_QP_OP;
	}
	peer = find_peer(q);
	if (!peer)
		return RETRY_EXCEEDED; /* after a while: see send-queue.c */
	if (w[3] != WQE_SEND && w[3] != WQE_SEND_IMM)
		return remote_access(q, peer, w, end, bytes);
	if (!read_segments(q, w + 16, end, LOCAL_READ, &from))
		return LOCAL_QP_OP;
	*bytes = from.bytes;
	return deliver(q, peer, w, &from, true);
}
