/*
 * IMPORT_KEK and CREDENTIAL objects: what IMPORT_KEK_HANDLE and CREDENTIAL_HANDLE add, made by a context that is logged
 * in as an officer, and gone with it. Their object id is the id that a login names.
 */

static struct verdict create_officer_object(struct context *c, bool is_kek, const uint8_t *in, uint32_t inlen,
					    uint32_t *handle)
{
	const struct field choice = {0x80 + (is_kek ? K_SIZE : C_ROLE).at, (is_kek ? K_SIZE : C_ROLE).bits};
	const struct field key = {0x80 + 0x200, (is_kek ? K_KEY : C_SECRET).bits};
	const struct field fields[] = {F_OPCODE, F_OBJ_TYPE, choice, key};
	struct image *image = c->nic->image;
	struct object model = {.kind = is_kek ? IMPORT_KEK : CREDENTIAL};
	struct addition addition;
	struct verdict v = check_crypto(image);

	if (v.status != OK)
		return v;
	if (inlen < (uint32_t)(key.at + key.bits) / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields) || !addition_of(image, is_kek, in + 16, &addition))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!LOAD(c->shared->login))
		return REFUSE(BAD_RES_STATE, LOGIN_NEEDED);
	if (!login_valid(c))
		return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
	if (image->credential[c->shared->credential % KEYS].role != ROLE_OFFICER)
		return REFUSE(BAD_RES_STATE, NOT_AN_OFFICER);
	addition.owner = c->shared->serial;
	v = add_key(c->nic, &addition, login_kek(c), &model.id);
	if (v.status != OK)
		return v;
	if (add_object(c, &model, handle))
		return DONE;
	drop_key(c->nic, addition.table, model.id, addition.owner);
	return REFUSE(NO_RES, 0);
}

static struct verdict create_import_kek(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	return create_officer_object(c, true, in, inlen, handle);
}

static struct verdict create_credential(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	return create_officer_object(c, false, in, inlen, handle);
}

/* The key behind an object, if it is still there: an officer may have deleted it by a register. */
static const struct key *key_of_object(const struct context *c, const struct object *o)
{
	const struct key *key = find_key(table_of(c->nic->image, o->kind == IMPORT_KEK), o->id);

	return key && key->owner == c->shared->serial ? key : NULL;
}

static void forget_key_of(struct context *c, const struct object *o)
{
	drop_key(c->nic, table_of(c->nic->image, o->kind == IMPORT_KEK), o->id, c->shared->serial);
}

static struct verdict query_officer_object(const struct context *c, const struct object *o, uint8_t *out)
{
	const struct key *key = key_of_object(c, o);

	if (!key)
		return REFUSE(BAD_IX, o->kind == IMPORT_KEK ? NO_SUCH_KEK : NO_SUCH_CREDENTIAL);
	describe_key(o->kind == IMPORT_KEK, key, out + 16);
	return DONE;
}
