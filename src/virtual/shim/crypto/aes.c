/*
 * AES (FIPS 197) with tables, made once: key expansion, one block either way. No vector registers here or in what is
 * built on it: a lazy symbol binding after us would save them on the stack, key bytes and all. Left out: modes, and
 * secrecy from who can measure the caches.
 */
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

static uint64_t get64(const uint8_t *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (24 - 8 * i);
}

static uint8_t sbox[256], inverse_sbox[256];
static uint32_t te[256], td[256];

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

	if (sbox[0])
		return;
	do {
		p = gf_mul(p, 3);
		q = gf_mul(q, 0xf6);
		sbox[p] = 0x63 ^ q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4);
	} while (p != 1);
	sbox[0] = 0x63;
	for (int i = 0; i < 256; i++)
		inverse_sbox[sbox[i]] = i;
	for (int i = 0; i < 256; i++) {
		uint8_t s = sbox[i], x = inverse_sbox[i];

		te[i] = (uint32_t)gf_mul(s, 2) << 24 | s << 16 | s << 8 | gf_mul(s, 3);
		td[i] = (uint32_t)gf_mul(x, 14) << 24 | gf_mul(x, 9) << 16 | gf_mul(x, 13) << 8 | gf_mul(x, 11);
	}
}

static inline uint32_t sub_word(uint32_t w)
{
	return (uint32_t)sbox[w >> 24] << 24 | sbox[w >> 16 & 255] << 16 | sbox[w >> 8 & 255] << 8 | sbox[w & 255];
}

static inline uint32_t look_up(const uint32_t *t, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return t[a >> 24] ^ ror(t[b >> 16 & 255], 8) ^ ror(t[c >> 8 & 255], 16) ^ ror(t[d & 255], 24);
}

static inline uint32_t look_up_last(const uint8_t *t, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return (uint32_t)t[a >> 24] << 24 | t[b >> 16 & 255] << 16 | t[c >> 8 & 255] << 8 | t[d & 255];
}

/* FIPS 197 section 5.2: `words` key words, 4 or 8, big-endian, into 4 a round and 4 more. Returns the rounds. */
static inline int expand_key(uint32_t *rk, const uint32_t *key, int words)
{
	int rounds = words + 6, total = 4 * (rounds + 1);
	uint8_t rcon = 1;

	for (int i = 0; i < words; i++)
		rk[i] = key[i];
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
	return rounds;
}

/* Round keys of a cipher into those of the equivalent inverse cipher (section 5.3.5), in place. */
static inline void invert_key(uint32_t *rk, int rounds)
{
	for (int i = 4; i < 4 * rounds; i++) {
		uint32_t t = sub_word(rk[i]);

		rk[i] = look_up(td, t, t, t, t);
	}
}

static inline void encrypt_block(const uint32_t *k, int rounds, uint32_t *hi, uint32_t *lo)
{
	uint32_t s0 = hi[0] ^ k[0], s1 = hi[1] ^ k[1], s2 = lo[0] ^ k[2], s3 = lo[1] ^ k[3];
	const uint32_t *last = k + 4 * rounds;

	for (k += 4; k < last; k += 4) {
		uint32_t t0 = look_up(te, s0, s1, s2, s3) ^ k[0], t1 = look_up(te, s1, s2, s3, s0) ^ k[1];
		uint32_t t2 = look_up(te, s2, s3, s0, s1) ^ k[2], t3 = look_up(te, s3, s0, s1, s2) ^ k[3];

		s0 = t0, s1 = t1, s2 = t2, s3 = t3;
	}
	hi[0] = look_up_last(sbox, s0, s1, s2, s3) ^ k[0];
	hi[1] = look_up_last(sbox, s1, s2, s3, s0) ^ k[1];
	lo[0] = look_up_last(sbox, s2, s3, s0, s1) ^ k[2];
	lo[1] = look_up_last(sbox, s3, s0, s1, s2) ^ k[3];
}

/* rk: inverted. */
static inline void decrypt_block(const uint32_t *rk, int rounds, uint32_t *hi, uint32_t *lo)
{
	const uint32_t *k = rk + 4 * rounds;
	uint32_t s0 = hi[0] ^ k[0], s1 = hi[1] ^ k[1], s2 = lo[0] ^ k[2], s3 = lo[1] ^ k[3];

	for (k -= 4; k > rk; k -= 4) {
		uint32_t t0 = look_up(td, s0, s3, s2, s1) ^ k[0], t1 = look_up(td, s1, s0, s3, s2) ^ k[1];
		uint32_t t2 = look_up(td, s2, s1, s0, s3) ^ k[2], t3 = look_up(td, s3, s2, s1, s0) ^ k[3];

		s0 = t0, s1 = t1, s2 = t2, s3 = t3;
	}
	hi[0] = look_up_last(inverse_sbox, s0, s3, s2, s1) ^ k[0];
	hi[1] = look_up_last(inverse_sbox, s1, s0, s3, s2) ^ k[1];
	lo[0] = look_up_last(inverse_sbox, s2, s1, s0, s3) ^ k[2];
	lo[1] = look_up_last(inverse_sbox, s3, s2, s1, s0) ^ k[3];
}

/* Overwrites what the frames of the functions above and of their callers left on the stack. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[8192]; /* as deep as the dynamic linker goes when it binds a symbol from there */

	explicit_bzero(below, sizeof(below));
}

#ifndef __clang__
#pragma GCC pop_options
#endif
