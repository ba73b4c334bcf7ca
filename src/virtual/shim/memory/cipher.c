/*
 * A memory key with a crypto BSF: each data unit that goes through it is encrypted or decrypted (AES-XTS) with the
 * DEK that the BSF names. Data unit i has the tweak of the first one plus i, as a 128-bit little-endian number.
 *
 * The DEK is one of the key's own context and PD; it is opened for one call and nothing is left of it after.
 */

/* The units of a BSF's block size selector, in bytes. */
static const uint32_t crypto_units[] = {0, 512, 520, 4096, 4160, 1 << 20, 4048};

/* The DEK of a memory key, or NULL. */
static struct object *find_dek(struct mkey *m)
{
	struct context *c = m->body.context;
	struct object *o = object_at(c, m->crypto.handle, DEK);
	uint32_t count = c->shared->count < OBJECTS ? c->shared->count : OBJECTS;

	if (o && (o->id & 0xffffff) == m->crypto.dek)
		return o->pd == m->pd ? o : NULL;
	for (uint32_t i = 0; i < count; i++) {
		o = &c->objects[i];
		if (LOAD(o->kind) != DEK || (o->id & 0xffffff) != m->crypto.dek)
			continue;
		m->crypto.handle = i;
		return o->pd == m->pd ? o : NULL;
	}
	return NULL;
}

/* One for each data unit, as IEEE 1619 has it, or 2^64. */
static void add_to_tweak(uint8_t tweak[16], uint64_t n, bool by_2_64)
{
	uint64_t low, high;

	memcpy(&low, tweak, 8);
	memcpy(&high, tweak + 8, 8);
	low = le64toh(low) + (by_2_64 ? 0 : n);
	high = htole64(le64toh(high) + (by_2_64 ? n : low < n));
	low = htole64(low);
	memcpy(tweak, &low, 8);
	memcpy(tweak + 8, &high, 8);
}

/*
 * Whether a message may begin here: at a data unit, in whole blocks; one unit at most where there is no other engine.
 */
static bool fits_units(const struct mkey *m, uint64_t offset, uint64_t bytes)
{
	bool multi_block = m->body.context->nic->image->engines & 2;

	return offset % m->crypto.unit == 0 && (bytes % 16 == 0 || bytes % m->crypto.unit == 0) &&
	       (multi_block || m->length <= m->crypto.unit);
}

/*
 * The bytes of `m` from `offset` on, on their way from memory to the wire (`out`) or into memory. False: a part of a
 * unit that cannot be done alone, no such DEK, one in ERROR, or another keytag.
 */
static bool crypt_bytes(struct vault *v, struct mkey *m, uint64_t offset, uint8_t *p, uint32_t bytes, bool out)
{
	struct image *image = m->body.context->nic->image;
	const uint32_t unit = m->crypto.unit;
	const bool encrypt = out == m->crypto.on_wire, by_2_64 = LOAD(image->tweak) == TWEAK_INC_64;
	struct object *dek = find_dek(m);
	uint8_t kept[80], tweak[16];
	bool done;

	if (!dek || (is_contrary(image, CONTRARY_LOGIN) && dek->wrapped && !login_valid(m->body.context)))
		return false;
	turn_to_error(image, dek);
	if (dek->error)
		return false;
	memcpy(kept, dek->key, sizeof(kept));
	memcpy(tweak, m->crypto.tweak, sizeof(tweak));
	add_to_tweak(tweak, offset / unit, by_2_64);
	done = open_key(v, image, kept, dek->size, encrypt, m->crypto.keytag);
	for (uint32_t at = 0, n; done && at < bytes; at += n, add_to_tweak(tweak, 1, by_2_64)) {
		uint32_t in = (offset + at) % unit;

		n = unit - in < bytes - at ? unit - in : bytes - at;
		if (in % 16 || n < 16 || (n % 16 && in + n != unit))
			done = false;
		else
			xts_part(v, tweak, in / 16, p + at, n);
	}
	close_key(v);
	if (done && encrypt)
		ADD(image->bytes_encrypted, bytes);
	else if (done)
		ADD(image->bytes_decrypted, bytes);
	return done;
}
