/*
 * Moving the bytes of one message, from the places that one list names to those of another, through memory keys of
 * any depth. It is done in pieces, without the mutex: what could take a key or a queue away waits for the end of a
 * piece (settle). Data passes through one buffer, so that it can be encrypted on its way.
 */

#define MESSAGE_MOST (1u << 30)
#define KEY_DEPTH 4
#define INTO 0x1000u /* beside enum access: bytes are stored, where that does not say so */

enum trouble { FINE, NO_ACCESS, NO_CIPHER };

/* Whose keys a list names: those of a context and PD, and the windows that are bound for a QP. */
struct side {
	struct context *context;
	uint32_t pd, qpn;
};

struct segment {
	uint32_t bytes, key;
	uint64_t address;
	const uint8_t *inline_bytes; /* instead of a key */
};

struct list {
	struct side side;
	struct cq *cq; /* that is told of signatures that do not match, or NULL */
	uint32_t need; /* enum access */
	uint32_t count;
	uint64_t bytes; /* of all segments */
	struct segment segment[WQE_MOST / 4];
};

static enum trouble through_key(struct vault *v, const struct side *s, uint32_t key, uint64_t address, uint8_t *p,
				uint32_t bytes, uint32_t need, int depth);

/* The parts of a layout that lie from `offset` on; what is stored goes the way that what is loaded came. */
static enum trouble through_layout(struct vault *v, struct mkey *m, uint64_t offset, uint8_t *p, uint32_t bytes,
				   bool into, int depth)
{
	const struct side inner = {m->body.context, m->pd, NO_QPN};
	const uint32_t need = into ? LOCAL_WRITE : LOCAL_READ;
	uint64_t round = 0, begin;
	uint32_t done = 0;

	for (uint32_t i = 0; i < m->count; i++)
		round += m->part[i].bytes;
	if (!round || offset / round >= (m->repeat ? m->repeat : 1))
		return NO_ACCESS;
	for (uint64_t r = offset / round; done < bytes && r < (m->repeat ? m->repeat : 1); r++) {
		begin = r * round;
		for (uint32_t i = 0; i < m->count && done < bytes; begin += m->part[i++].bytes) {
			const struct part *part = &m->part[i];
			uint64_t in = offset + done - begin;
			uint32_t n;
			enum trouble t;

			if (in >= part->bytes)
				continue;
			n = part->bytes - in < bytes - done ? part->bytes - in : bytes - done;
			t = through_key(v, &inner, part->key, part->address + r * part->stride + in, p + done, n, need,
					depth);
			if (t != FINE)
				return t;
			done += n;
		}
	}
	return done == bytes ? FINE : NO_ACCESS;
}

/* Blocks with check bytes: all that is in memory for them is loaded or stored at once. */
static enum trouble through_signature(struct vault *v, struct mkey *m, uint64_t offset, uint8_t *p, uint32_t bytes,
				      bool into, int depth)
{
	struct signature *s = &m->signature;
	const uint32_t step = (s->wire.unit ? s->wire.unit : s->memory.unit) + signature_bytes(&s->wire);
	const uint64_t at = bytes_in_memory(s, offset), inside = bytes_in_memory(s, bytes);
	enum trouble t = NO_ACCESS;
	uint8_t *memory;

	if (offset % step || inside > MESSAGE_MOST || at > m->length || inside > m->length - at)
		return NO_ACCESS;
	memory = malloc(inside);
	if (!memory)
		return NO_ACCESS;
	if (into)
		sign_blocks(m, &s->wire, &s->memory, p, bytes, memory, inside, offset / step);
	t = through_layout(v, m, at, memory, inside, into, depth);
	if (t == FINE && !into)
		sign_blocks(m, &s->memory, &s->wire, memory, inside, p, bytes, offset / step);
	free(memory);
	return t;
}

/* The key, if this side may use it so, or NULL. */
static struct mkey *find_usable(const struct side *s, uint32_t key, uint32_t need)
{
	struct mkey *m = find_mkey(s->context->nic, key);

	if (!m || m->body.context != s->context || m->pd != s->pd || m->is_free || (m->access & need) != need)
		return NULL;
	if (m->window && (need & (LOCAL_READ | LOCAL_WRITE) || (m->qpn != NO_QPN && m->qpn != s->qpn)))
		return NULL;
	return m;
}

/* Loads bytes that a key names, or stores them if `need` is a kind of write. */
static enum trouble through_key(struct vault *v, const struct side *s, uint32_t key, uint64_t address, uint8_t *p,
				uint32_t bytes, uint32_t need, int depth)
{
	struct mkey *m = find_usable(s, key, need & ~INTO);
	const bool into = need & (LOCAL_WRITE | REMOTE_WRITE | INTO);
	enum trouble t;
	uint64_t offset;

	if (bytes == 0)
		return FINE;
	if (!m || depth >= KEY_DEPTH)
		return NO_ACCESS;
	offset = address - m->start;
	if (m->signature.on)
		return through_signature(v, m, offset, p, bytes, into, depth + 1);
	if (offset > m->length || bytes > m->length - offset)
		return NO_ACCESS;
	if (m->direct)
		return (into ? store(m->host + offset, p, bytes) : fetch(p, m->host + offset, bytes)) ? FINE
												      : NO_ACCESS;
	if (into && m->crypto.on && !crypt_bytes(v, m, offset, p, bytes, false))
		return NO_CIPHER;
	t = through_layout(v, m, offset, p, bytes, into, depth + 1);
	if (t == FINE && !into && m->crypto.on && !crypt_bytes(v, m, offset, p, bytes, true))
		return NO_CIPHER;
	return t;
}

/* The bytes from `offset` on of all that a list names. */
static enum trouble through_list(struct vault *v, const struct list *l, uint64_t offset, uint8_t *p, uint32_t bytes)
{
	for (uint32_t i = 0; i < l->count && bytes; i++) {
		const struct segment *s = &l->segment[i];
		uint32_t n;
		enum trouble t = FINE;

		if (offset >= s->bytes) {
			offset -= s->bytes;
			continue;
		}
		n = s->bytes - offset < bytes ? s->bytes - offset : bytes;
		if (s->inline_bytes)
			memcpy(p, s->inline_bytes + offset, n);
		else
			t = through_key(v, &l->side, s->key, s->address + offset, p, n, l->need, 0);
		if (t != FINE)
			return t;
		p += n;
		bytes -= n;
		offset = 0;
	}
	return FINE;
}

/* Whether there is a key for all that a list names, before any of it is moved. */
static bool list_has_keys(const struct list *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *s = &l->segment[i];

		if (s->bytes && !s->inline_bytes && !find_usable(&l->side, s->key, l->need))
			return false;
	}
	return true;
}

/* Whether all that goes through a key with a cipher goes in data units. */
static bool list_fits_units(const struct list *l)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *s = &l->segment[i];
		const struct mkey *m = s->inline_bytes ? NULL : find_mkey(l->side.context->nic, s->key);

		if (m && m->crypto.on && !fits_units(m, s->address - m->start, s->bytes))
			return false;
	}
	return true;
}

/*
 * A piece ends where a segment with a cipher can be cut: PIECE_BYTES, or a multiple, from its beginning; one with a
 * signature is not cut.
 */
static uint64_t cut_piece(const struct list *l, uint64_t offset, uint64_t bytes)
{
	uint64_t begin = 0;

	for (uint32_t i = 0; i < l->count; begin += l->segment[i++].bytes) {
		const struct segment *s = &l->segment[i];
		const struct mkey *m = s->inline_bytes ? NULL : find_mkey(l->side.context->nic, s->key);
		uint64_t end = offset + bytes, over;

		if (!m || !(m->crypto.on || m->signature.on) || end <= begin || end >= begin + s->bytes)
			continue;
		if (m->signature.on)
			return 0;
		over = (end - begin) % PIECE_BYTES;
		return over < bytes ? bytes - over : 0;
	}
	return bytes;
}

/* What cannot be cut at one place on both sides: all that is left is one piece. */
static uint64_t piece_of(const struct list *from, const struct list *to, uint64_t offset, uint64_t total)
{
	uint64_t bytes = total - offset < PIECE_BYTES ? total - offset : PIECE_BYTES;

	bytes = cut_piece(from, offset, bytes);
	bytes = bytes ? cut_piece(to, offset, bytes) : 0;
	bytes = bytes ? cut_piece(from, offset, bytes) : 0;
	return bytes ? bytes : total - offset;
}
