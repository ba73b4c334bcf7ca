/*
 * AES key wrap with the default IV (RFC 3394), of up to 72 bytes, and what is done with it: a credential is checked,
 * a DEK is taken in and comes out again for one work request. `struct scratch` holds all that is secret; its users
 * wipe it and the stack below them. Left out: RFC 5649.
 */
#ifndef __clang__
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#endif

#define KEY_WORDS 18 /* of a DEK as it is kept: key1, key2, keytag, zeros */

struct scratch {
	uint32_t round_keys[60];
	uint32_t kek[8];
	uint32_t a[2];
	uint32_t r[KEY_WORDS]; /* the plaintext, big-endian words */
};

static inline int expand_kek(struct scratch *s, const uint8_t *kek, int bytes)
{
	for (int i = 0; i < bytes / 4; i++)
		s->kek[i] = get32(kek + 4 * i);
	return expand_key(s->round_keys, s->kek, bytes / 4);
}

/* RFC 3394 section 2.2.2: `bytes` wrapped bytes into s->r. */
static inline bool unwrap(struct scratch *s, const uint8_t *kek, int kek_bytes, const uint8_t *wrapped, int bytes)
{
	int n = bytes / 8 - 1;
	int rounds = expand_kek(s, kek, kek_bytes);

	invert_key(s->round_keys, rounds);
	s->a[0] = get32(wrapped);
	s->a[1] = get32(wrapped + 4);
	for (int i = 0; i < 2 * n; i++)
		s->r[i] = get32(wrapped + 8 + 4 * i);
	for (uint32_t t = 6 * n; t > 0; t--) {
		s->a[1] ^= t;
		decrypt_block(s->round_keys, rounds, s->a, s->r + 2 * ((t - 1) % n));
	}
	return ((s->a[0] ^ 0xa6a6a6a6) | (s->a[1] ^ 0xa6a6a6a6)) == 0;
}

/* RFC 3394 section 2.2.1: s->r, all of it, into 8 more bytes. What is left in s->r is no secret. */
static inline void wrap(struct scratch *s, const uint8_t *kek, int kek_bytes, uint8_t *wrapped)
{
	int rounds = expand_kek(s, kek, kek_bytes);

	s->a[0] = s->a[1] = 0xa6a6a6a6;
	for (uint32_t t = 1; t <= 6 * KEY_WORDS / 2; t++) {
		encrypt_block(s->round_keys, rounds, s->a, s->r + 2 * ((t - 1) % (KEY_WORDS / 2)));
		s->a[1] ^= t;
	}
	put32(wrapped, s->a[0]);
	put32(wrapped + 4, s->a[1]);
	for (int i = 0; i < KEY_WORDS; i++)
		put32(wrapped + 8 + 4 * i, s->r[i]);
}

static __attribute__((noinline)) struct verdict check_credential(const struct key *kek, const struct key *credential,
								 const uint8_t *wrapped)
{
	struct scratch s;
	struct verdict v = DONE;
	uint32_t difference = 0;

	if (!unwrap(&s, kek->secret, kek->bytes == 32 ? 32 : 16, wrapped, 48))
		v = REFUSE(BAD_PARAM, CREDENTIAL_UNWRAP);
	for (int i = 0; i < 10; i++)
		difference |= s.r[i] ^ get32(credential->secret + 4 * i);
	if (v.status == OK && difference)
		v = REFUSE(BAD_PARAM, CREDENTIAL_DIFFERS);
	explicit_bzero(&s, sizeof(s));
	return v;
}

/* Unwraps a key of the officer's, of `bytes` without the wrap, into `secret`, which the image has room for. */
static __attribute__((noinline)) bool take_officer_key(const struct key *kek, const uint8_t *wrapped, int bytes,
						       uint8_t *secret)
{
	struct scratch s;
	bool good = unwrap(&s, kek->secret, kek->bytes == 32 ? 32 : 16, wrapped, bytes + 8);

	for (int i = 0; i < bytes / 4 && good; i++)
		put32(secret + 4 * i, s.r[i]);
	explicit_bzero(&s, sizeof(s));
	return good;
}

/*
 * Takes a DEK in: `key` as it stands in the mailbox, wrapped under `kek` or, without one, plaintext; `bytes` of key1
 * + key2 + keytag. What the context is to keep of it goes to `kept`.
 */
static __attribute__((noinline)) struct verdict take_key(const struct image *image, const struct key *kek,
							 const uint8_t *key, int bytes, int half_words,
							 uint8_t kept[80])
{
	struct scratch s = {.a = {0}};
	struct verdict v = DONE;
	uint32_t difference = 0;

	if (kek && !unwrap(&s, kek->secret, kek->bytes == 32 ? 32 : 16, key, bytes + 8))
		v = REFUSE(BAD_PARAM, KEY_UNWRAP);
	for (int i = 0; i < bytes / 4 && !kek; i++)
		s.r[i] = get32(key + 4 * i);
	for (int i = 0; i < half_words; i++)
		difference |= s.r[i] ^ s.r[half_words + i];
	if (v.status == OK && !difference && LOAD(image->policy) == POLICY_FIPS)
		v = REFUSE(BAD_PARAM, KEYS_EQUAL);
	if (v.status == OK)
		wrap(&s, image->root_key, 32, kept);
	explicit_bzero(&s, sizeof(s));
	return v;
}

#ifndef __clang__
#pragma GCC pop_options
#endif
