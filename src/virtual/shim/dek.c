/* DEK objects: created wrapped or plaintext, queried. Left out: modify, and every purpose but AES-XTS. */

/*
 * DEK, after the 16-byte header: state 0x40/8, key_size 0x54/4 (0: 128, 1: 256), has_keytag 0x58/1, key_purpose 0x5c/4,
 * pd 0x68/24, opaque at byte 48 (8 bytes), key at byte 64 (128 bytes).
 */
static struct verdict create_dek(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	struct image *image = c->nic->image;
	const uint8_t *body = in + 16;
	const struct key *kek = NULL;
	uint32_t generation = 0, half_words;
	struct object *o;
	struct verdict v = check_crypto(image);

	if (v.status != OK)
		return v;
	if (inlen < 16 + 64 + 128)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if ((body[10] & 15) > 1)
		return REFUSE(BAD_PARAM, KEY_SIZE);
	if ((body[11] & 15) != KEY_PURPOSE_AES_XTS)
		return REFUSE(BAD_PARAM, KEY_PURPOSE);
	if (!object_at(c, get24(body + 13) - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	if (image->wrapped_import) {
		if (!c->login)
			return REFUSE(BAD_RES_STATE, LOGIN_NEEDED);
		if (!login_valid(c))
			return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
		kek = c->kek;
		generation = c->kek_generation;
	}
	half_words = body[10] & 15 ? 8 : 4;
	pthread_mutex_unlock(&mutex);
	v = check_key(kek, body + 64, 8 * half_words + (body[11] & 0x80 ? 8 : 0), half_words);
	wipe_stack();
	pthread_mutex_lock(&mutex);
	if (kek && !key_holds(kek, generation))
		return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
	if (v.status != OK)
		return v;
	if (!present(c))
		return REFUSE(BAD_SYS_STATE, 0);
	if (!count_dek(c))
		return REFUSE(LIM_ERR, NO_DEK_LEFT);
	o = add_object(c, DEK, handle);
	if (!o) {
		ADD(c->slot->deks, -1);
		return REFUSE(NO_RES, 0);
	}
	o->wrapped = kek != NULL;
	o->size = body[10] & 15;
	o->size |= body[11] & 0x80;
	o->id = ADD(image->next_object, 1);
	memcpy(o->opaque, body + 48, 8);
	ADD(image->deks_made, 1);
	return DONE;
}

static void turn_to_error(struct image *image, struct object *o)
{
	for (int i = 0; i < RULES && !o->error; i++) {
		struct dek_error *e = &image->dek_error[i];

		if (!LOAD(e->active) || o->id >= e->before || (e->by == BY_ID && e->id != o->id) ||
		    (e->by == BY_OPAQUE && memcmp(e->opaque, o->opaque, 8) != 0))
			continue;
		ADD(e->hits, 1);
		o->error = 1;
	}
}

static struct verdict query_object(struct context *c, struct object *o, uint8_t *out, uint32_t outlen)
{
	uint8_t *body = out + 16;

	if (outlen < 16 + 64)
		return REFUSE(BAD_OUTP_LEN, MAILBOX_LENGTH);
	if (o->kind == LOGIN) {
		body[16] = login_valid(c) ? 0 : 1;
		return DONE;
	}
	if (o->wrapped && !login_valid(c))
		return REFUSE(BAD_RES_STATE, c->login ? LOGIN_INVALID : LOGIN_NEEDED);
	turn_to_error(c->nic->image, o);
	body[8] = o->error;
	body[10] = o->size & 15;
	body[11] = (o->size & 0x80) | KEY_PURPOSE_AES_XTS;
	memcpy(body + 48, o->opaque, 8);
	return DONE;
}
