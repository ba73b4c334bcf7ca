/*
 * DEK objects: created wrapped or plaintext, queried. What is kept of a key is wrapped under the image's root key,
 * since a DEK outlives its import KEK. Left out: modify, and every purpose but AES-XTS.
 */

/* A DEK stands after the header of 0x80 bits. `state` has to be zero. */
static const struct field F_KEY_SIZE = {0x80 + 0x54, 4}, F_HAS_KEYTAG = {0x80 + 0x58, 1};
static const struct field F_KEY_PURPOSE = {0x80 + 0x5c, 4}, F_DEK_PD = {0x80 + 0x68, 24};
static const struct field F_OPAQUE = {0x80 + 0x180, 64};
static const struct field F_KEY = {0x80 + 0x200, 128 * 8}; /* bytes behind the key are ignored */

#define HAS_KEYTAG 0x80 /* in `size` of an object, beside key_size */

static struct verdict create_dek(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE,      F_OBJ_TYPE, F_KEY_SIZE, F_HAS_KEYTAG,
				       F_KEY_PURPOSE, F_DEK_PD,	  F_OPAQUE,   F_KEY};
	struct image *image = c->nic->image;
	struct object model = {.kind = DEK}, *o;
	const struct key *kek = NULL;
	uint32_t generation = 0, half_words, tag_bytes;
	struct verdict v = check_crypto(image);
	bool room;

	if (v.status != OK)
		return v;
	if (inlen < (F_KEY.at + F_KEY.bits) / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (get_field(in, F_KEY_SIZE) > 1)
		return REFUSE(BAD_PARAM, KEY_SIZE);
	if (get_field(in, F_KEY_PURPOSE) != KEY_PURPOSE_AES_XTS)
		return REFUSE(BAD_PARAM, KEY_PURPOSE);
	model.pd = get_field(in, F_DEK_PD);
	if (!object_at(c, model.pd - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	if (image->wrapped_import) {
		if (!LOAD(c->shared->login))
			return REFUSE(BAD_RES_STATE, LOGIN_NEEDED);
		if (!login_valid(c))
			return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
		kek = login_kek(c);
		generation = c->shared->kek_generation;
	} else if (LOAD(c->shared->login)) {
		/* The mode was another one at its login. It would be taken for a key as it stands there, wrapped. */
		return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
	}
	half_words = get_field(in, F_KEY_SIZE) ? 8 : 4;
	tag_bytes = get_field(in, F_HAS_KEYTAG) ? 8 : 0;
	if (is_contrary(image, CONTRARY_TRAILING) &&
	    !is_clear(in, F_KEY.at + 8 * (8 * half_words + tag_bytes + (kek ? 8 : 0)), F_KEY.at + F_KEY.bits))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	pthread_mutex_unlock(&mutex);
	v = take_key(image, kek, in + F_KEY.at / 8, 8 * half_words + tag_bytes, half_words, model.key);
	wipe_stack();
	pthread_mutex_lock(&mutex);
	if (kek && !key_holds(kek, generation))
		return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
	if (v.status != OK)
		return v;
	if (!present(c))
		return REFUSE(BAD_SYS_STATE, 0);
	model.wrapped = kek != NULL;
	model.size = get_field(in, F_KEY_SIZE) | (tag_bytes ? HAS_KEYTAG : 0);
	memcpy(model.opaque, in + F_OPAQUE.at / 8, sizeof(model.opaque));
	lock_image(c->nic, F_WRLCK);
	room = has_room(c->nic);
	model.id = room ? ADD(image->next_object, 1) : 0;
	o = room ? add_locked(c, &model, handle) : NULL;
	lock_image(c->nic, F_UNLCK);
	if (!room)
		return REFUSE(LIM_ERR, NO_DEK_LEFT);
	if (!o)
		return REFUSE(NO_RES, 0);
	ADD(image->deks_made, 1);
	return DONE;
}

/* A DEK that was told to turns to ERROR when it is looked at next, by a query or by a memory key. */
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
	if (o->kind == IMPORT_KEK || o->kind == CREDENTIAL)
		return query_officer_object(c, o, out);
	if ((o->wrapped || is_contrary(c->nic->image, CONTRARY_PLAINTEXT)) && !login_valid(c))
		return REFUSE(BAD_RES_STATE, LOAD(c->shared->login) ? LOGIN_INVALID : LOGIN_NEEDED);
	turn_to_error(c->nic->image, o);
	body[8] = o->error;
	body[10] = o->size & 15;
	body[11] = (o->size & HAS_KEYTAG) | KEY_PURPOSE_AES_XTS;
	memcpy(body + 48, o->opaque, 8);
	return DONE;
}
