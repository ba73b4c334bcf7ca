/*
 * RFC 3394 unwrap, with the small AES that it needs, and the checks of what was unwrapped: a credential, a DEK. Tables
 * are made once; `struct scratch` holds all that is secret. Left out: wrapping, and AES encryption.
 */

/* No vector registers here: a lazy symbol binding after us would save them on the stack, key bytes and all. */
#ifndef __clang__
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#endif

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t get24(const uint8_t *p)
{
	return get32(p) >> 8;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (24 - 8 * i);
}

struct scratch {
	uint32_t round_keys[60];
	uint32_t a[2];
	uint32_t r[18]; /* the plaintext, big-endian words */
};

static uint8_t sbox[256], inverse_sbox[256];
static uint32_t td[256];

static uint32_t ror(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static uint8_t gf_mul(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (; b; b >>= 1, a = a << 1 ^ (a & 0x80 ? 0x1b : 0))
		if (b & 1)
			product ^= a;
	return product;
}

static void make_tables(void)
{
	uint8_t p = 1, q = 1; /* FIPS 197 section 5.1.1: p runs through the field by 3, q by its inverse */

	do {
		p = gf_mul(p, 3);
		q = gf_mul(q, 0xf6);
		sbox[p] = 0x63 ^ q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4);
	} while (p != 1);
	sbox[0] = 0x63;
	for (int i = 0; i < 256; i++)
		inverse_sbox[sbox[i]] = i;
	for (int i = 0; i < 256; i++) {
		uint8_t x = inverse_sbox[i];

		td[i] = (uint32_t)gf_mul(x, 14) << 24 | gf_mul(x, 9) << 16 | gf_mul(x, 13) << 8 | gf_mul(x, 11);
	}
}

static inline uint32_t sub_word(uint32_t w)
{
	return (uint32_t)sbox[w >> 24] << 24 | sbox[w >> 16 & 255] << 16 | sbox[w >> 8 & 255] << 8 | sbox[w & 255];
}

static inline uint32_t inv_mix(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return td[a >> 24] ^ ror(td[b >> 16 & 255], 8) ^ ror(td[c >> 8 & 255], 16) ^ ror(td[d & 255], 24);
}

static inline uint32_t inv_last(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return (uint32_t)inverse_sbox[a >> 24] << 24 | inverse_sbox[b >> 16 & 255] << 16 |
	       inverse_sbox[c >> 8 & 255] << 8 | inverse_sbox[d & 255];
}

/* FIPS 197 section 5.2, then the round keys of the equivalent inverse cipher (section 5.3.5). Returns the rounds. */
static inline int expand_key(uint32_t *rk, const uint8_t *key, int words)
{
	int rounds = words + 6, total = 4 * (rounds + 1);
	uint8_t rcon = 1;

	for (int i = 0; i < words; i++)
		rk[i] = get32(key + 4 * i);
	for (int i = words; i < total; i++) {
		uint32_t t = rk[i - 1];

		if (i % words == 0) {
			t = sub_word(ror(t, 24)) ^ (uint32_t)rcon << 24;
			rcon = gf_mul(rcon, 2);
		} else if (words == 8 && i % words == 4) {
			t = sub_word(t);
		}
		rk[i] = rk[i - words] ^ t;
	}
	for (int i = 4; i < total - 4; i++) {
		uint32_t t = sub_word(rk[i]);

		rk[i] = inv_mix(t, t, t, t);
	}
	return rounds;
}

static inline void decrypt_block(const uint32_t *rk, int rounds, uint32_t *hi, uint32_t *lo)
{
	const uint32_t *k = rk + 4 * rounds;
	uint32_t s0 = hi[0] ^ k[0], s1 = hi[1] ^ k[1], s2 = lo[0] ^ k[2], s3 = lo[1] ^ k[3];

	for (k -= 4; k > rk; k -= 4) {
		uint32_t t0 = inv_mix(s0, s3, s2, s1) ^ k[0], t1 = inv_mix(s1, s0, s3, s2) ^ k[1];
		uint32_t t2 = inv_mix(s2, s1, s0, s3) ^ k[2], t3 = inv_mix(s3, s2, s1, s0) ^ k[3];

		s0 = t0, s1 = t1, s2 = t2, s3 = t3;
	}
	hi[0] = inv_last(s0, s3, s2, s1) ^ k[0];
	hi[1] = inv_last(s1, s0, s3, s2) ^ k[1];
	lo[0] = inv_last(s2, s1, s0, s3) ^ k[2];
	lo[1] = inv_last(s3, s2, s1, s0) ^ k[3];
}

/* RFC 3394 section 2.2.2: `bytes` wrapped bytes into s->r. The KEK is read where it lies, in the image. */
static inline bool unwrap(struct scratch *s, const struct key *kek, const uint8_t *wrapped, int bytes)
{
	int n = bytes / 8 - 1;
	int rounds = expand_key(s->round_keys, kek->secret, kek->bytes == 32 ? 8 : 4);

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

static inline bool differ(const uint32_t *words, const uint8_t *bytes, int count)
{
	uint32_t difference = 0;

	for (int i = 0; i < count; i++)
		difference |= words[i] ^ get32(bytes + 4 * i);
	return difference != 0;
}

/* Overwrites what the frames of the functions below left on the stack. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[8192]; /* as deep as the dynamic linker goes when it binds a symbol from there */

	explicit_bzero(below, sizeof(below));
}

static __attribute__((noinline)) struct verdict check_credential(const struct key *kek, const struct key *credential,
								const uint8_t *wrapped)
{
	struct scratch s;
	struct verdict v = DONE;

	if (!unwrap(&s, kek, wrapped, 48))
		v = REFUSE(BAD_PARAM, CREDENTIAL_UNWRAP);
	else if (differ(s.r, credential->secret, 10))
		v = REFUSE(BAD_PARAM, CREDENTIAL_DIFFERS);
	explicit_bzero(&s, sizeof(s));
	return v;
}

/* key: the 128 bytes of the mailbox. bytes: of key1 + key2 + keytag. kek NULL: plaintext. */
static __attribute__((noinline)) struct verdict check_key(const struct key *kek, const uint8_t *key, int bytes,
							 int half_words)
{
	struct scratch s;
	struct verdict v = DONE;
	uint32_t difference = 0;
	uint8_t rest = 0;

	if (kek) {
		if (!unwrap(&s, kek, key, bytes + 8))
			v = REFUSE(BAD_PARAM, KEY_UNWRAP);
		for (int i = 0; i < half_words; i++)
			difference |= s.r[i] ^ s.r[half_words + i];
	} else {
		for (int i = bytes; i < 128; i++)
			rest |= key[i];
		if (rest)
			v = REFUSE(BAD_PARAM, KEY_TOO_LONG);
		for (int i = 0; i < 4 * half_words; i++)
			difference |= key[i] ^ key[4 * half_words + i];
	}
	if (v.status == OK && difference == 0)
		v = REFUSE(BAD_PARAM, KEYS_EQUAL);
	explicit_bzero(&s, sizeof(s));
	return v;
}

#ifndef __clang__
#pragma GCC pop_options
#endif
