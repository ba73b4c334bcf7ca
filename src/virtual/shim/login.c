/* CRYPTO_LOGIN objects: made from a wrapped credential, valid as long as the KEK and the credential are loaded. */

static const struct key *find_key(const struct key *table, uint32_t id)
{
	for (int i = 0; i < KEYS; i++)
		if (LOAD(table[i].valid) && table[i].id == id)
			return &table[i];
	return NULL;
}

static bool key_holds(const struct key *key, uint32_t generation)
{
	return LOAD(key->valid) && LOAD(key->generation) == generation;
}

static bool login_valid(const struct context *c)
{
	return c->login && key_holds(c->kek, c->kek_generation) && key_holds(c->credential, c->credential_generation);
}

static struct verdict check_crypto(const struct image *image)
{
	if (!image->engines)
		return REFUSE(BAD_OP, NO_CRYPTO);
	if (image->wrapped_import && image->state == COMMISSIONING)
		return REFUSE(BAD_SYS_STATE, NOT_OPERATIONAL);
	return DONE;
}

/*
 * CRYPTO_LOGIN, after the 16-byte header: state 0x84/4, credential_pointer 0x88/24, session_import_kek_ptr 0xa8/24,
 * credential at byte 64 (48 bytes).
 */
static struct verdict create_login(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	struct image *image = c->nic->image;
	const uint8_t *body = in + 16;
	const struct key *kek, *credential;
	uint32_t kek_generation, credential_generation;
	struct object *o;
	struct verdict v = check_crypto(image);

	if (v.status != OK)
		return v;
	if (inlen < 16 + 64 + 48)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (!image->wrapped_import)
		return REFUSE(BAD_OP, NOT_WRAPPED_IMPORT);
	if (c->login)
		return REFUSE(BAD_RES_STATE, SECOND_LOGIN);
	kek = find_key(image->kek, get24(body + 21));
	if (!kek)
		return REFUSE(BAD_IX, NO_SUCH_KEK);
	credential = find_key(image->credential, get24(body + 17));
	if (!credential)
		return REFUSE(BAD_IX, NO_SUCH_CREDENTIAL);
	kek_generation = LOAD(kek->generation);
	credential_generation = LOAD(credential->generation);
	v = check_credential(kek, credential, body + 64);
	wipe_stack();
	if (v.status != OK)
		return v;
	o = add_object(c, LOGIN, handle);
	if (!o)
		return REFUSE(NO_RES, 0);
	o->id = ADD(image->next_object, 1);
	c->login = *handle + 1;
	c->kek = kek, c->kek_generation = kek_generation;
	c->credential = credential, c->credential_generation = credential_generation;
	ADD(c->slot->logins, 1);
	ADD(image->logins_made, 1);
	return DONE;
}
