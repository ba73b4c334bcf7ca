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

static const struct key *login_kek(const struct context *c)
{
	return &c->nic->image->kek[c->shared->kek % KEYS];
}

static bool login_valid(const struct context *c)
{
	const struct shared *s = c->shared;

	return LOAD(s->login) && key_holds(login_kek(c), s->kek_generation) &&
	       key_holds(&c->nic->image->credential[s->credential % KEYS], s->credential_generation);
}

static struct verdict check_crypto(const struct image *image)
{
	if (!image->engines)
		return REFUSE(BAD_OP, NO_CRYPTO);
	if (image->wrapped_import && image->state == COMMISSIONING)
		return REFUSE(BAD_SYS_STATE, NOT_OPERATIONAL);
	return DONE;
}

/* One login a context, whichever process of it comes first. */
static struct verdict add_login(struct context *c, const struct key *kek, uint32_t kek_generation,
				const struct key *credential, uint32_t credential_generation, uint32_t *handle)
{
	struct image *image = c->nic->image;
	struct shared *s = c->shared;
	struct object model = {.kind = LOGIN, .id = ADD(image->next_object, 1)};
	struct verdict v = DONE;

	lock_image(c->nic, F_WRLCK);
	if (LOAD(s->login)) {
		v = REFUSE(BAD_RES_STATE, SECOND_LOGIN);
	} else if (!add_locked(c, &model, handle)) {
		v = REFUSE(NO_RES, 0);
	} else {
		s->kek = kek - image->kek;
		s->kek_generation = kek_generation;
		s->credential = credential - image->credential;
		s->credential_generation = credential_generation;
		STORE(s->login, *handle + 1);
		ADD(image->logins_made, 1);
	}
	lock_image(c->nic, F_UNLCK);
	return v;
}

/* CRYPTO_LOGIN stands after the header of 0x80 bits. `state` has to be zero. */
static const struct field F_CREDENTIAL_ID = {0x80 + 0x88, 24}, F_KEK_ID = {0x80 + 0xa8, 24};
static const struct field F_CREDENTIAL = {0x80 + 0x200, 48 * 8};

static struct verdict create_login(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE, F_OBJ_TYPE, F_CREDENTIAL_ID, F_KEK_ID, F_CREDENTIAL};
	struct image *image = c->nic->image;
	const struct key *kek, *credential;
	uint32_t kek_generation, credential_generation;
	struct verdict v = check_crypto(image);

	if (v.status != OK)
		return v;
	if (inlen < (F_CREDENTIAL.at + F_CREDENTIAL.bits) / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!image->wrapped_import)
		return REFUSE(BAD_OP, NOT_WRAPPED_IMPORT);
	if (LOAD(c->shared->login))
		return REFUSE(BAD_RES_STATE, SECOND_LOGIN);
	kek = find_key(image->kek, get_field(in, F_KEK_ID));
	if (!kek)
		return REFUSE(BAD_IX, NO_SUCH_KEK);
	credential = find_key(image->credential, get_field(in, F_CREDENTIAL_ID));
	if (!credential)
		return REFUSE(BAD_IX, NO_SUCH_CREDENTIAL);
	kek_generation = LOAD(kek->generation);
	credential_generation = LOAD(credential->generation);
	v = check_credential(kek, credential, in + F_CREDENTIAL.at / 8);
	wipe_stack();
	return v.status == OK ? add_login(c, kek, kek_generation, credential, credential_generation, handle) : v;
}
