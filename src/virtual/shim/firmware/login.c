/* CRYPTO_LOGIN objects: made from a wrapped credential, valid as long as the KEK and the credential are loaded. */

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
	if (!image->engines || LOAD(image->no_crypto_objects))
		return REFUSE(BAD_OP, NO_CRYPTO);
	if (image->wrapped_import && image->state == COMMISSIONING)
		return REFUSE(is_contrary(image, CONTRARY_STATE) ? BAD_OP : BAD_SYS_STATE, NOT_OPERATIONAL);
	return DONE;
}

static struct verdict second_login(const struct image *image)
{
	return REFUSE(is_contrary(image, CONTRARY_SECOND_LOGIN) ? BAD_PARAM : BAD_RES_STATE, SECOND_LOGIN);
}

/* One login a context, whichever process of it comes first. */
static struct verdict add_login(struct context *c, const struct login *l, uint32_t *handle)
{
	struct image *image = c->nic->image;
	struct shared *s = c->shared;
	struct object model = {.kind = LOGIN, .id = ADD(image->next_object, 1)};
	struct verdict v = DONE;

	lock_image(c->nic, F_WRLCK);
	if (LOAD(s->login)) {
		v = second_login(image);
	} else if (!add_locked(c, &model, handle)) {
		v = REFUSE(NO_RES, 0);
	} else {
		s->kek = l->kek - image->kek;
		s->kek_generation = l->kek_generation;
		s->credential = l->credential - image->credential;
		s->credential_generation = l->credential_generation;
		STORE(s->login, *handle + 1);
		ADD(image->logins_made, 1);
	}
	lock_image(c->nic, F_UNLCK);
	return v;
}

/* CRYPTO_LOGIN stands after the header of 0x80 bits. `state` has to be zero. */
static struct verdict create_login(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE,
				       F_OBJ_TYPE,
				       {0x80 + L_CREDENTIAL_ID.at, L_CREDENTIAL_ID.bits},
				       {0x80 + L_KEK_ID.at, L_KEK_ID.bits},
				       {0x80 + L_CREDENTIAL.at, L_CREDENTIAL.bits}};
	struct image *image = c->nic->image;
	struct verdict v = check_crypto(image);
	struct login l;

	if (v.status != OK)
		return v;
	if (inlen < (0x80u + L_CREDENTIAL.at + L_CREDENTIAL.bits) / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!image->wrapped_import)
		return REFUSE(BAD_OP, NOT_WRAPPED_IMPORT);
	if (LOAD(c->shared->login))
		return second_login(image);
	v = check_login(c->nic, in + 16, &l);
	if (v.status == BAD_IX && is_contrary(image, CONTRARY_STATUS))
		v.status = BAD_RES;
	return v.status == OK ? add_login(c, &l, handle) : v;
}
