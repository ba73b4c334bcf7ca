/*
 * The officer's registers: CRYPTO_OPERATIONAL, which takes a NIC from commissioning to operational once and for all;
 * IMPORT_KEK_HANDLE and CREDENTIAL_HANDLE, which add, delete and query under an officer's login. Left out: all other
 * registers, and the way back to commissioning, for which NVIDIA has to sign a token.
 */
enum { REGISTER_WRITE = 0, REGISTER_READ = 1, ADD_KEY = 1, DELETE_KEY = 2 };
enum { DATA = 0x80, OPERATIONAL_BYTES = 0x80, HANDLE_BYTES = 0x300 };
enum { LOGIN_AT = DATA, OBJECT_AT = DATA + 0x800, HANDLE_AT = DATA + 0x1000 };

/* ACCESS_REGISTER and ACCESS_REGISTER_USER have one layout. The kernel writes the user's id where F_UID is. */
static const struct field F_UID = {0x10, 16}, F_REGISTER_ID = {0x50, 16};
/* CRYPTO_OPERATIONAL */
static const struct field O_GOING = {DATA + 0x1, 1}, O_KEK_SIZE = {DATA + 0x1c, 4};
static const struct field O_CREDENTIAL = {DATA + 0x40, 40 * 8}, O_KEK = {DATA + 0x180, 32 * 8};
/* IMPORT_KEK_HANDLE and CREDENTIAL_HANDLE: a login, an object, and these */
static const struct field H_OPERATION = {HANDLE_AT + 0x4, 4}, H_ID = {HANDLE_AT + 0x8, 24};

/* Id 0 is written over, so that an image that was told to be in commissioning has one of each. */
static void load_first(struct key *table, const uint8_t *secret, uint8_t bytes)
{
	struct key *key = (struct key *)find_key(table, 0);
	uint32_t id;

	if (key)
		delete_key(key);
	else
		key = free_key(table, &id);
	if (!key)
		delete_key(key = &table[0]);
	memcpy(key->secret, secret, bytes);
	publish_key(key, 0, bytes, ROLE_OFFICER, 0);
}

static struct verdict make_operational(struct nic *nic, const uint8_t *in, uint32_t inlen)
{
	const struct field fields[] = {F_OPCODE, F_UID,	     F_OP_MOD,	   F_REGISTER_ID,
				       O_GOING,	 O_KEK_SIZE, O_CREDENTIAL, O_KEK};
	struct image *image = nic->image;
	struct verdict v = DONE;

	if (HAS_OTHERS(in, inlen, fields) || get_field(in, O_KEK_SIZE) > 1)
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!image->wrapped_import)
		return REFUSE(BAD_OP, NOT_WRAPPED_IMPORT);
	if (get_field(in, O_GOING))
		return REFUSE(BAD_OP, TOKEN_NEEDED);
	lock_image(nic, F_WRLCK);
	if (LOAD(image->state) != COMMISSIONING) {
		v = REFUSE(BAD_SYS_STATE, ALREADY_OPERATIONAL);
	} else {
		load_first(image->kek, in + O_KEK.at / 8, get_field(in, O_KEK_SIZE) ? 32 : 16);
		load_first(image->credential, in + O_CREDENTIAL.at / 8, 40);
		STORE(image->state, OPERATIONAL);
	}
	lock_image(nic, F_UNLCK);
	return v;
}

static struct verdict access_operational(struct nic *nic, const uint8_t *in, uint32_t inlen, uint8_t *out)
{
	const struct field fields[] = {F_OPCODE, F_UID, F_OP_MOD, F_REGISTER_ID};
	const uint8_t state = LOAD(nic->image->state);

	if (get_field(in, F_OP_MOD) == REGISTER_WRITE)
		return make_operational(nic, in, inlen);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (nic->image->wrapped_import)
		out[DATA / 8] = (state != COMMISSIONING ? 0x80 : 0) | (state == GOING_TO_COMMISSIONING ? 0x40 : 0);
	return DONE;
}

static bool has_other_fields(bool is_kek, bool adds, const uint8_t *in, uint32_t inlen)
{
	const struct field role = {OBJECT_AT + (is_kek ? K_SIZE : C_ROLE).at, (is_kek ? K_SIZE : C_ROLE).bits};
	const struct field key = {OBJECT_AT + 0x200, (is_kek ? K_KEY : C_SECRET).bits};
	const struct field fields[] = {F_OPCODE,
				       F_UID,
				       F_OP_MOD,
				       F_REGISTER_ID,
				       {LOGIN_AT + L_CREDENTIAL_ID.at, L_CREDENTIAL_ID.bits},
				       {LOGIN_AT + L_KEK_ID.at, L_KEK_ID.bits},
				       {LOGIN_AT + L_CREDENTIAL.at, L_CREDENTIAL.bits},
				       {role.at, adds ? role.bits : 0},
				       {key.at, adds ? key.bits : 0},
				       H_OPERATION,
				       H_ID};

	return HAS_OTHERS(in, inlen, fields);
}

static struct verdict access_handle(struct nic *nic, bool is_kek, const uint8_t *in, uint32_t inlen, uint8_t *out)
{
	struct image *image = nic->image;
	struct key *table = table_of(image, is_kek);
	const bool writes = get_field(in, F_OP_MOD) == REGISTER_WRITE;
	const uint32_t operation = writes ? get_field(in, H_OPERATION) : 0;
	uint32_t id = get_field(in, H_ID);
	struct verdict v = check_crypto(image);
	struct addition addition;
	struct login login;
	const struct key *key;

	if (v.status != OK)
		return v;
	if (has_other_fields(is_kek, operation == ADD_KEY, in, inlen))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (writes && operation != ADD_KEY && operation != DELETE_KEY)
		return REFUSE(BAD_PARAM, WRITE_OPERATION);
	if (!image->wrapped_import)
		return REFUSE(BAD_OP, NOT_WRAPPED_IMPORT);
	v = check_login(nic, in + LOGIN_AT / 8, &login);
	if (v.status != OK)
		return v;
	if (login.credential->role != ROLE_OFFICER)
		return REFUSE(BAD_RES_STATE, NOT_AN_OFFICER);
	if (operation == ADD_KEY) {
		if (!addition_of(image, is_kek, in + OBJECT_AT / 8, &addition))
			return REFUSE(BAD_PARAM, KEY_SIZE);
		v = add_key(nic, &addition, login.kek, &id);
	} else {
		key = find_live_key(nic, table, id);
		if (!key)
			return REFUSE(BAD_IX, is_kek ? NO_SUCH_KEK : NO_SUCH_CREDENTIAL);
		if (writes)
			drop_key(nic, table, id, key->owner);
		else
			describe_key(is_kek, key, out + OBJECT_AT / 8);
	}
	if (v.status == OK)
		put32(out + HANDLE_AT / 8, id);
	return v;
}

/* Of either command. `out` is cleared. */
static struct verdict access_register(struct nic *nic, const uint8_t *in, uint32_t inlen, uint8_t *out, uint32_t outlen)
{
	const uint32_t id = get_field(in, F_REGISTER_ID);
	const uint32_t bytes = DATA / 8 + (id == CRYPTO_OPERATIONAL ? OPERATIONAL_BYTES : HANDLE_BYTES);

	if (!nic->image->engines || id < CRYPTO_OPERATIONAL || id > CREDENTIAL_HANDLE)
		return REFUSE(BAD_PARAM, NO_SUCH_REGISTER);
	if (id == CRYPTO_COMMISSIONING)
		return REFUSE(BAD_OP, TOKEN_NEEDED);
	if (get_field(in, F_OP_MOD) > REGISTER_READ)
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (inlen < bytes)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (outlen < bytes)
		return REFUSE(BAD_OUTP_LEN, MAILBOX_LENGTH);
	return id == CRYPTO_OPERATIONAL ? access_operational(nic, in, inlen, out)
					: access_handle(nic, id == IMPORT_KEK_HANDLE, in, inlen, out);
}
