/*
 * A message on its way from one list of places to another, and what is said of it to the other side. The lists are
 * those of two QPs of this process; of one that is in another process there is none, and its part has come or goes over
 * the wire (wire/).
 */

/* Beside the syndromes: nothing is posted; the QP is gone or was reset; it is on the wire; that has no room. */
enum { LATER = 0x1000, GONE, AWAY, BUSY };

/* What the other side has to know. */
struct message {
	uint8_t opcode; /* enum wqe_opcode */
	bool solicited;
	uint32_t immediate; /* as it came, big-endian; or the key that SEND with invalidation ends */
	uint32_t qpn; /* whose message it is */
	uint32_t bytes;
	uint32_t key; /* of RDMA and atomics */
	uint64_t address;
	uint64_t operand[2]; /* of atomics: swap or add, compare */
};

/* What is left of a QP when the mutex was given up: a way to find out whether it is there still. */
struct reference {
	const struct nic *nic;
	uint32_t number, resets;
	uint64_t serial;
	uint64_t record; /* as the QP has it */
	uint16_t at; /* the next entry */
	bool waits; /* for an answer, or for an entry to become possible */
	bool rings;
};

static struct reference refer(const struct qp *q)
{
	return (struct reference){.nic = q->body.context->nic,
				  .number = q->body.number,
				  .resets = q->resets,
				  .serial = q->body.serial,
				  .record = q->queues.record,
				  .at = q->sq_next,
				  .waits = q->flights || q->waits_since || q->busy_since};
}

static struct qp *find_again(const struct reference *r)
{
	struct qp *q = find_qp(r->nic, r->number);

	return q && q->body.serial == r->serial && q->resets == r->resets ? q : NULL;
}

static uint32_t local_syndrome(enum trouble t)
{
	return t == NO_CIPHER ? LOCAL_QP_OP : LOCAL_PROTECTION;
}

/* A list for what a QP sends or fetches. */
static struct list local_list(const struct qp *q, uint32_t need)
{
	return (struct list){.side = {q->body.context, q->pd, q->body.number}, .cq = q->send_cq, .need = need};
}

/* The place at a QP that a message names, as a list. */
static struct list remote_list(const struct qp *peer, const struct message *m, uint32_t need)
{
	struct list l = {.side = {peer->body.context, peer->pd, peer->body.number}, .cq = peer->recv_cq, .need = need};

	l.segment[l.count++] = (struct segment){.bytes = m->bytes, .address = m->address, .key = m->key};
	l.bytes = m->bytes;
	return l;
}

static void add_bytes(struct list *l, const uint8_t *p, uint32_t bytes)
{
	l->segment[l->count++] = (struct segment){.bytes = bytes, .inline_bytes = p};
	l->bytes += bytes;
}

/* The data segments of an entry from `at` to `end`, behind those that a list has. False: they make no sense. */
static bool read_segments(const uint8_t *at, const uint8_t *end, struct list *l)
{
	while (at + 16 <= end) {
		uint32_t bytes = get32(at);

		if (bytes & WQE_INLINE) {
			bytes &= ~WQE_INLINE;
			if (l->need & LOCAL_WRITE || bytes > end - at - 4)
				return false;
			add_bytes(l, at + 4, bytes);
			at += (4 + bytes + 15) / 16 * 16;
		} else {
			l->segment[l->count++] =
				(struct segment){.bytes = bytes, .key = get32(at + 4), .address = get64(at + 8)};
			l->bytes += bytes;
			at += 16;
		}
	}
	return at == end && l->bytes <= MESSAGE_MOST;
}

/* The entry at a place of the send queue, as it lies in a ring of blocks. Its size in bytes, 0: none that makes sense.
 */
static uint32_t fetch_entry(const struct qp *q, uint16_t place, uint8_t w[WQE_MOST])
{
	uint32_t size = 0, left;

	for (uint32_t at = 0; at == 0 || at < size; at += WQE_BLOCK) {
		uint64_t block = (place + at / WQE_BLOCK) & (q->queues.sq_entries - 1);

		left = WQE_MOST - at;
		if (left < WQE_BLOCK || !fetch(w + at, q->queues.sq + block * WQE_BLOCK, WQE_BLOCK))
			return 0;
		if (at == 0)
			size = 16 * (w[7] & 0x3f);
	}
	return size < 16 || get24(w + 4) != q->body.number ? 0 : size;
}

/* Reads what an entry says of a connection: the message, and the local places. False: it makes no sense. */
static bool read_request(const uint8_t *w, const uint8_t *end, struct message *m, struct list *local)
{
	const bool atomic = m->opcode == WQE_COMPARE_SWAP || m->opcode == WQE_FETCH_ADD;
	const bool remote = atomic || m->opcode == WQE_WRITE || m->opcode == WQE_WRITE_IMM || m->opcode == WQE_READ;
	const uint8_t *at = w + 16 + (remote ? 16 : 0) + (atomic ? 16 : 0);

	if (at > end)
		return false;
	if (remote) {
		m->address = get64(w + 16), m->key = get32(w + 24);
		if (get32(w + 28))
			return false;
	}
	if (atomic)
		m->operand[0] = get64(w + 32), m->operand[1] = get64(w + 40);
	if (!read_segments(at, end, local) || (atomic && local->bytes != 8))
		return false;
	m->bytes = local->bytes;
	return true;
}

/* Tells of the signatures that did not match in the keys of a list, each once (PRM, "Signature error CQE"). */
static void tell_signature_errors(const struct list *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *s = &l->segment[i];
		struct mkey *m = s->inline_bytes ? NULL : find_mkey(l->side.context->nic, s->key);
		struct signature_error *e = m ? &m->signature_error : NULL;
		uint8_t cqe[64] = {0};

		if (!e || !e->found || e->told || !l->cq || !has_place(l->cq))
			continue;
		e->told = true;
		put32(cqe + 16, e->expected >> 32), put32(cqe + 20, e->actual >> 32);
		put32(cqe + 24, e->expected), put32(cqe + 28, e->actual);
		cqe[32] = e->syndrome >> 8;
		cqe[35] = e->in_memory;
		put32(cqe + 36, s->key);
		put32(cqe + 40, e->offset >> 32), put32(cqe + 44, e->offset);
		cqe[63] = CQE_SIGNATURE_ERROR << 4;
		write_cqe(l->cq, cqe);
		l->cq->solicited = l->cq->producer;
		notify(l->cq);
	}
}

/*
 * Moves a message from one list to the other. `q`, `peer`: whose lists they are, or NULL. Returns FINE and the like,
 * and which list it was; or that one of the QPs is gone.
 */
static enum trouble move_message(const struct qp *q, const struct qp *peer, const struct list *from,
				 const struct list *to, const struct list **which, bool *gone)
{
	const struct reference own = refer(q ? q : peer), other = refer(peer ? peer : q);
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
	if (t == FINE && !*gone) {
		tell_signature_errors(from);
		tell_signature_errors(to);
	}
	return t;
}
