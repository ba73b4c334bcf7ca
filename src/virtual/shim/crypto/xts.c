/*
 * AES-XTS (IEEE 1619-2018) over parts of a data unit, with the tables of aes.c or the CPU's instructions (xts-cpu.c).
 * All that is secret is in `struct vault`, one page that is locked, left out of core dumps and not inherited by a
 * fork; it holds a key for one call and is wiped after. A unit whose bytes are no multiple of 16 ends with ciphertext
 * stealing. Left out: units that are cut within their stolen end.
 */
/* Round keys: big-endian words for the tables, bytes for the CPU. */
struct schedule {
	uint32_t words[60];
} __attribute__((aligned(16)));

struct vault {
	struct schedule data, tweak; /* `data` is inverted for a decryption */
	int rounds;
	bool encrypt;
	uint8_t t[16] __attribute__((aligned(16))); /* the tweak of the next block */
	uint8_t stolen[16] __attribute__((aligned(16)));
	struct scratch scratch;
};

/* Of xts-cpu.c. */
static bool has_aes_instructions;
static void cpu_crypt(const struct schedule *s, int rounds, bool encrypt, uint8_t block[16]);
static void cpu_crypt_blocks(struct vault *v, uint8_t *p, uint32_t count);
static void clear_vector_registers(void);

#ifndef __clang__
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#endif

static void crypt_block(const struct schedule *s, int rounds, bool encrypt, uint8_t block[16])
{
	uint32_t w[4];

	if (has_aes_instructions) {
		cpu_crypt(s, rounds, encrypt, block);
		return;
	}
	for (int i = 0; i < 4; i++)
		w[i] = get32(block + 4 * i);
	if (encrypt)
		encrypt_block(s->words, rounds, w, w + 2);
	else
		decrypt_block(s->words, rounds, w, w + 2);
	for (int i = 0; i < 4; i++)
		put32(block + 4 * i, w[i]);
}

/* To the tweak of the next block: times alpha in GF(2^128), section 5.2. */
static void next_tweak(uint8_t t[16])
{
	uint8_t carry = 0;

	for (int i = 0; i < 16; i++) {
		uint8_t out = t[i] >> 7;

		t[i] = t[i] << 1 | carry;
		carry = out;
	}
	t[0] ^= carry ? 0x87 : 0;
}

static void add_tweak(uint8_t *p, const uint8_t t[16])
{
	for (int i = 0; i < 16; i++)
		p[i] ^= t[i];
}

static void xts_block(struct vault *v, uint8_t *p, const uint8_t t[16])
{
	add_tweak(p, t);
	crypt_block(&v->data, v->rounds, v->encrypt, p);
	add_tweak(p, t);
}

static void crypt_blocks(struct vault *v, uint8_t *p, uint32_t count)
{
	if (has_aes_instructions && count) {
		cpu_crypt_blocks(v, p, count);
		return;
	}
	for (; count > 0; count--, p += 16) {
		xts_block(v, p, v->t);
		next_tweak(v->t);
	}
}

/*
 * Section 5.3.2: the last whole block and the `tail` bytes behind it. Of the two tweaks an encryption takes the first
 * one first, a decryption the second one.
 */
static void steal(struct vault *v, uint8_t *p, uint32_t tail)
{
	memcpy(v->stolen, v->t, 16);
	next_tweak(v->encrypt ? v->t : v->stolen);
	xts_block(v, p, v->stolen);
	for (uint32_t i = 0; i < tail; i++) {
		uint8_t byte = p[i];

		p[i] = p[16 + i];
		p[16 + i] = byte;
	}
	xts_block(v, p, v->t);
}

/*
 * A part of one data unit, in place: `bytes` from its block number `block` on. `unit` is the unit's tweak,
 * little-endian. Bytes that are no whole block are the end of the unit.
 */
static void xts_part(struct vault *v, const uint8_t unit[16], uint32_t block, uint8_t *p, uint32_t bytes)
{
	uint32_t tail = bytes % 16, whole = bytes / 16 - (tail ? 1 : 0);

	memcpy(v->t, unit, 16);
	crypt_block(&v->tweak, v->rounds, true, v->t);
	for (; block > 0; block--)
		next_tweak(v->t);
	crypt_blocks(v, p, whole);
	if (tail)
		steal(v, p + 16 * whole, tail);
}

/*
 * Opens a DEK as a context keeps it, for one direction. `keytag`: what the memory key says, compared if the DEK has
 * one. False: the tags differ, or this is no whole key (another process may just be destroying it).
 */
static bool open_key(struct vault *v, const struct image *image, const uint8_t kept[80], uint8_t size, bool encrypt,
		     const uint8_t keytag[8])
{
	int half = size & 15 ? 8 : 4;
	const bool swapped = is_contrary(image, CONTRARY_HALVES);
	const uint32_t *words = v->scratch.r;
	uint32_t difference = 0;

	if (!unwrap(&v->scratch, image->root_key, 32, kept, 80))
		return false;
	for (int i = 0; i < 2 && size & HAS_KEYTAG; i++)
		difference |= words[2 * half + i] ^ get32(keytag + 4 * i);
	v->encrypt = encrypt;
	v->rounds = expand_key(v->data.words, words + (swapped ? half : 0), half);
	expand_key(v->tweak.words, words + (swapped ? 0 : half), half);
	if (!encrypt)
		invert_key(v->data.words, v->rounds);
	for (int i = 0; i < 60 && has_aes_instructions; i++) {
		v->data.words[i] = htobe32(v->data.words[i]);
		v->tweak.words[i] = htobe32(v->tweak.words[i]);
	}
	return difference == 0 || is_contrary(image, CONTRARY_KEYTAG);
}

/* Call after open_key, however that ended. */
static void close_key(struct vault *v)
{
	explicit_bzero(v, sizeof(*v));
	clear_vector_registers();
	wipe_stack();
}

#ifndef __clang__
#pragma GCC pop_options
#endif
