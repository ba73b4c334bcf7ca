/*
 * The officer's keys of a NIC: import KEKs and credentials, added and deleted by whoever shows an officer's login. The
 * NIC chooses their ids, the lowest one that is free from 1 on (0 is what CRYPTO_OPERATIONAL loads). Left out: which of
 * them flash would keep over a reset, since this NIC has none.
 */

/* A CRYPTO_LOGIN as it stands in a mailbox, at bit `at`. */
static const struct field L_CREDENTIAL_ID = {0x88, 24}, L_KEK_ID = {0xa8, 24}, L_CREDENTIAL = {0x200, 48 * 8};

/* What a login names, and which writing of it. */
struct login {
	const struct key *kek, *credential;
	uint32_t kek_generation, credential_generation;
};

static const struct key *find_key(const struct key *table, uint32_t id)
{
	for (int i = 0; i < KEYS; i++)
		if (LOAD(table[i].valid) && table[i].id == id)
			return &table[i];
	return NULL;
}

static struct key *table_of(struct image *image, bool is_kek)
{
	return is_kek ? image->kek : image->credential;
}

/* The same; one whose context died without a word is found gone. */
static const struct key *find_live_key(struct nic *nic, const struct key *table, uint32_t id)
{
	const struct key *key = find_key(table, id);

	if (!key || !key->owner)
		return key;
	lock_image(nic, F_WRLCK);
	reap(nic, true);
	lock_image(nic, F_UNLCK);
	return find_key(table, id);
}

static bool key_holds(const struct key *key, uint32_t generation)
{
	return LOAD(key->valid) && LOAD(key->generation) == generation;
}

/* Whether the credential of a login is the one that it names, under the KEK that it names. */
static struct verdict check_login(struct nic *nic, const uint8_t *login, struct login *l)
{
	struct verdict v;

	l->kek = find_live_key(nic, nic->image->kek, get_field(login, L_KEK_ID));
	if (!l->kek)
		return REFUSE(BAD_IX, NO_SUCH_KEK);
	l->credential = find_live_key(nic, nic->image->credential, get_field(login, L_CREDENTIAL_ID));
	if (!l->credential)
		return REFUSE(BAD_IX, NO_SUCH_CREDENTIAL);
	l->kek_generation = LOAD(l->kek->generation);
	l->credential_generation = LOAD(l->credential->generation);
	v = check_credential(l->kek, l->credential, login + L_CREDENTIAL.at / 8);
	wipe_stack();
	return v;
}

/* The place of the key that is written next, with the lowest free id from 1 on. Call with the image locked. */
static struct key *free_key(struct key *table, uint32_t *id)
{
	struct key *key = NULL;

	for (int i = 0; i < KEYS && !key; i++)
		if (!LOAD(table[i].valid))
			key = &table[i];
	for (*id = 1; key && find_key(table, *id);)
		++*id;
	return key;
}

/* Writes a key whose secret is in its place already. */
static void publish_key(struct key *key, uint32_t id, uint8_t bytes, uint8_t role, uint64_t owner)
{
	key->id = id;
	key->bytes = bytes;
	key->role = role;
	key->owner = owner;
	STORE(key->generation, key->generation + 1);
	STORE(key->valid, 1);
}

/* Deletes the key of this owner with this id, if it is still there. */
static void drop_key(struct nic *nic, struct key *table, uint32_t id, uint64_t owner)
{
	struct key *key;

	lock_image(nic, F_WRLCK);
	key = (struct key *)find_key(table, id);
	if (key && key->owner == owner)
		delete_key(key);
	lock_image(nic, F_UNLCK);
}

/* What is to be added to a table, wrapped under the KEK of a login. */
struct addition {
	struct key *table;
	const uint8_t *wrapped;
	uint8_t bytes, role;
	uint64_t owner; /* the serial of a context, or 0 */
};

static struct verdict add_key(struct nic *nic, const struct addition *a, const struct key *kek, uint32_t *id)
{
	struct verdict v = DONE;
	struct key *key;

	lock_image(nic, F_WRLCK);
	key = free_key(a->table, id);
	if (!key) {
		v = REFUSE(LIM_ERR, NO_ROOM_FOR_KEY);
	} else if (!take_officer_key(kek, a->wrapped, a->bytes, key->secret)) {
		v = REFUSE(BAD_PARAM, KEY_UNWRAP);
	} else {
		publish_key(key, *id, a->bytes, a->role, a->owner);
	}
	wipe_stack();
	lock_image(nic, F_UNLCK);
	return v;
}

/* An IMPORT_KEK and a CREDENTIAL as they stand in a mailbox. */
static const struct field K_SIZE = {0x54, 4}, K_KEY = {0x200, 128 * 8}; /* bytes behind the key are ignored */
static const struct field C_ROLE = {0x58, 8}, C_SECRET = {0x200, 48 * 8};

/* What an object at `body` is to add; false when its size or role is none. */
static bool addition_of(struct image *image, bool is_kek, const uint8_t *body, struct addition *a)
{
	const uint32_t choice = get_field(body, is_kek ? K_SIZE : C_ROLE);

	if (choice > 1)
		return false;
	*a = is_kek ? (struct addition){.table = image->kek, .wrapped = body + K_KEY.at / 8, .bytes = choice ? 32 : 16}
		    : (struct addition){.table = image->credential,
					.wrapped = body + C_SECRET.at / 8,
					.bytes = 40,
					.role = choice};
	return true;
}

/* What a query tells of a key: no secret. It is READY. */
static void describe_key(bool is_kek, const struct key *key, uint8_t *body)
{
	if (is_kek)
		body[10] = key->bytes == 32;
	else
		body[11] = key->role;
}
